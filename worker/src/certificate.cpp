#include "worker/src/certificate.hpp"

#include <fmt/format.h>

#include "common/access/last_day.hpp"

namespace tandem {

namespace {

Result<tls::CredentialsPtr> load(const ClusterCertificate& files) {
  const tls::ClusterFiles given{.authority = files.ca,
                                .certificate = files.certificate,
                                .key = files.key,
                                .revoked = files.revoked};
  if (auto valid = given.validate(); !valid) return valid.error();
  if (!given.is_given()) return tls::CredentialsPtr();
  return tls::ClusterCredentials::load(given, access::wall_time());
}

}  // namespace

Result<tls::CredentialsPtr> load_credentials(const ClusterCertificate& files,
                                             const std::string& name) {
  auto loaded = load(files);
  if (!loaded || *loaded == nullptr) return loaded;
  const auto& identity = (*loaded)->identity();
  if (identity.kind == tls::Kind::worker && identity.name == name) return loaded;
  return invalid(fmt::format("--cluster-cert: {} is that of {}, not of the worker {}",
                             files.certificate, identity.id(), name));
}

std::string name_by_certificate(const ClusterCertificate& files, const std::string& name) {
  if (!name.empty()) return name;
  const auto loaded = load(files);
  const bool is_ours =
      loaded && *loaded != nullptr && (*loaded)->identity().kind == tls::Kind::worker;
  return is_ours ? (*loaded)->identity().name : name;
}

}  // namespace tandem
