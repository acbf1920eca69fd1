#include "tests/e2e/harness/certificates.hpp"

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tests/e2e/harness/process.hpp"

namespace tandem::e2e {
namespace {

std::string ca(std::vector<std::string> words) {
  words.insert(words.begin(), {program("tandem"), "ca"});
  const auto finished = run(words);
  if (finished.status != 0) throw std::runtime_error(finished.errors);
  return finished.output;
}

}  // namespace

Certificates::Certificates(const TempDir& dir, const std::string& cluster)
    : directory_(dir.path("ca-" + cluster)) {
  ca({"init", directory_, "--cluster", cluster});
  std::ofstream(revoked_file()) << "# nobody yet\n";
}

void Certificates::issue(const std::string& kind, const std::string& name,
                         const std::vector<std::string>& words) {
  std::vector<std::string> command{"issue", directory_, "--force", "--" + kind, name};
  command.insert(command.end(), words.begin(), words.end());
  ca(command);
}

ClientCertificate Certificates::of(const std::string& kind, const std::string& name) const {
  const auto stem = directory_ + "/" + kind + "-" + name;
  return {directory_ + "/ca.pem", stem + ".pem", stem + ".key"};
}

std::vector<std::string> Certificates::flags_of(const std::string& kind,
                                                const std::string& name) const {
  const auto files = of(kind, name);
  return {"--cluster-ca",  files.authority, "--cluster-cert",    files.certificate,
          "--cluster-key", files.key,       "--cluster-revoked", revoked_file()};
}

void Certificates::revoke(const std::string& kind, const std::string& name) const {
  const auto shown = nlohmann::json::parse(ca({"show", of(kind, name).certificate, "--json"}));
  std::ofstream(revoked_file(), std::ios::app)
      << shown.at("public_key_sha256").get<std::string>() << " # " << kind << ' ' << name << '\n';
}

}  // namespace tandem::e2e
