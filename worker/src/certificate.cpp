#include "worker/src/certificate.hpp"

#include <fmt/format.h>

#include "common/tls/member_files.hpp"

namespace tandem {

Result<tls::CredentialsPtr> load_credentials(const ClusterCertificate& files,
                                             const std::string& name) {
  auto loaded = tls::load_if_given(files);
  if (!loaded || *loaded == nullptr) return loaded;
  const auto& identity = (*loaded)->identity();
  if (identity.kind == tls::Kind::worker && identity.name == name) return loaded;
  return invalid(fmt::format("--cluster-cert: {} is that of {}, not of the worker {}",
                             files.certificate, identity.id(), name));
}

std::string name_by_certificate(const ClusterCertificate& files, const std::string& name) {
  if (!name.empty()) return name;
  const auto loaded = tls::load_if_given(files);
  const bool is_ours =
      loaded && *loaded != nullptr && (*loaded)->identity().kind == tls::Kind::worker;
  return is_ours ? (*loaded)->identity().name : name;
}

}  // namespace tandem
