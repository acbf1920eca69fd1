#include "tests/e2e/private_authority.hpp"

#include <filesystem>
#include <stdexcept>

namespace tandem::e2e {

namespace {

std::string must(const std::vector<std::string>& command) {
  const auto done = run(command);
  if (done.status != 0) throw std::runtime_error(command[1] + ": " + done.errors);
  return done.output;
}

void hide(const std::string& key) {
  using std::filesystem::perms;
  std::filesystem::permissions(key, perms::owner_read | perms::owner_write);
}

}  // namespace

PrivateAuthority::PrivateAuthority(const TempDir& dir, const std::string& name)
    : dir_(dir), name_(name), certificate_(dir.path(name + ".pem")), key_(dir.path(name + ".key")) {
  must({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", key_, "-out", certificate_, "-days", "30", "-subj", "/CN=" + name});
}

PrivateAuthority::Issued PrivateAuthority::issue(const std::string& name, const std::string& names,
                                                 int days) const {
  const Issued issued{dir_.path(name + ".pem"), dir_.path(name + ".key")};
  const auto request = dir_.path(name + ".csr");
  must({"openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", issued.key, "-out", request, "-subj", "/CN=" + name});
  const auto extensions = dir_.write(name + ".ext", "subjectAltName=" + names + "\n");
  must({"openssl", "x509", "-req", "-in", request, "-CA", certificate_, "-CAkey", key_,
        "-CAcreateserial", "-out", issued.certificate, "-days", std::to_string(days), "-extfile",
        extensions});
  hide(issued.key);
  return issued;
}

void PrivateAuthority::say(const Issued& about, const std::string& standing,
                           const std::string& file, int minutes) const {
  auto serial = must({"openssl", "x509", "-in", about.certificate, "-noout", "-serial"});
  serial = serial.substr(serial.find('=') + 1);
  serial.resize(serial.find_last_not_of('\n') + 1);
  const auto revoked = standing == "R" ? "260101000000Z" : "";
  const auto index = dir_.write(name_ + ".index", standing + "\t491231235959Z\t" + revoked + "\t" +
                                                      serial + "\tunknown\t/\n");
  const auto request = dir_.path(name_ + ".ocsp-request");
  must({"openssl", "ocsp", "-issuer", certificate_, "-cert", about.certificate, "-reqout", request,
        "-no_nonce"});
  must({"openssl", "ocsp", "-index", index, "-CA", certificate_, "-rsigner", certificate_, "-rkey",
        key_, "-reqin", request, "-respout", file, "-nmin", std::to_string(minutes)});
}

}  // namespace tandem::e2e
