#include "worker/src/certificate.hpp"

#include <fmt/format.h>

#include "common/access/last_day.hpp"
#include "common/tls/member_files.hpp"

namespace tandem {

Result<tls::CredentialsPtr> load_credentials(const ClusterCertificate& files,
                                             const std::string& name, tls::OutOfTime out_of_time) {
  auto loaded = tls::load_if_given(files, out_of_time);
  if (!loaded || *loaded == nullptr) return loaded;
  const auto& identity = (*loaded)->identity();
  if (identity.kind == tls::Kind::worker && identity.name == name) return loaded;
  return invalid(fmt::format("--cluster-cert: {} is that of {}, not of the worker {}",
                             files.certificate, identity.id(), name));
}

Result<tls::CredentialsPtr> load_credentials_again(const ClusterCertificate& files,
                                                   const std::string& name,
                                                   const tls::CurrentCredentialsPtr& before) {
  const bool is_over =
      before != nullptr && !before->get()->why_out_of_time(access::wall_time()).empty();
  return load_credentials(files, name,
                          is_over ? tls::OutOfTime::accepted : tls::OutOfTime::refused);
}

std::string name_by_certificate(const ClusterCertificate& files, const std::string& name) {
  if (!name.empty()) return name;
  const auto loaded = tls::load_if_given(files, tls::OutOfTime::accepted);
  const bool is_ours =
      loaded && *loaded != nullptr && (*loaded)->identity().kind == tls::Kind::worker;
  return is_ours ? (*loaded)->identity().name : name;
}

}  // namespace tandem
