// The part of ControlPlane that knows the cluster's certificates.
#include <algorithm>

#include <fmt/chrono.h>

#include "common/access/last_day.hpp"
#include "common/access/limits.hpp"
#include "common/base/log.hpp"
#include "master/control/control_plane_credentials.hpp"
#include "master/control/control_plane_parts.hpp"

namespace tandem::master {

namespace {

// RFC 3339.
std::string told(tls::WallTime time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

// False: it is of this time. Nobody can be told on a connection, so that the log must do.
bool tell_if_out_of_time(const tls::ClusterCredentials& own, tls::WallTime now) {
  const auto over = own.why_out_of_time(now);
  if (over.empty()) return false;
  log::error(
      "the certificate of the cluster {}: no other member accepts it, and no connection with "
      "one begins; issue another one (tandem ca issue) and reload identity={}",
      over, own.identity().id());
  return true;
}

int days_left(tls::WallTime expires, tls::WallTime now) {
  const auto days = std::chrono::floor<std::chrono::days>(expires - now).count();
  return static_cast<int>(std::max<std::int64_t>(days, 0));
}

}  // namespace

// Another name than --node would be refused by all others.
Result<tls::CredentialsPtr> load_cluster_credentials(const ControlPlaneOptions& options,
                                                     tls::OutOfTime out_of_time) {
  auto loaded =
      tls::ClusterCredentials::load(options.cluster_files, access::wall_time(), out_of_time);
  if (!loaded) return loaded;
  const auto& identity = (*loaded)->identity();
  if (identity.kind == tls::Kind::master && identity.name == options.node) return loaded;
  return invalid(fmt::format("--cluster-cert: {} is that of {}, not of the master {} (--node)",
                             options.cluster_files.certificate, identity.id(), options.node),
                 "--cluster-cert");
}

std::vector<wire::CertificateStatus> ControlPlane::Parts::certificates() const {
  std::vector<wire::CertificateStatus> all;
  if (hooks.certificates.status) all = hooks.certificates.status();
  if (!credentials) return all;
  const auto own = credentials->get();
  const auto now = access::wall_time();
  wire::CertificateStatus status{
      .file = certificate_file,
      .names = {own->identity().id()},
      .expires = told(own->expires()),
      .days_left = static_cast<std::uint64_t>(days_left(own->expires(), now))};
  if (own->expires() <= now) {
    const auto days = std::chrono::floor<std::chrono::days>(now - own->expires()).count();
    status.expired_days = static_cast<std::uint64_t>(days);
  }
  if (now < own->begins()) status.valid_from = told(own->begins());
  all.push_back(std::move(status));
  return all;
}

// Once a day, from 30 days before the end on.
void ControlPlane::Parts::warn_of_certificate() {
  const auto now = access::wall_time();
  const auto today = std::chrono::floor<std::chrono::days>(now);
  if (today == warned_at) return;
  warned_at = today;
  tell_of_certificates();
  if (!credentials) return;
  const auto own = credentials->get();
  if (tell_if_out_of_time(*own, now)) return;
  const auto left = days_left(own->expires(), now);
  if (left > static_cast<int>(limits::credential_days_first_warning)) return;
  log::warn("the certificate of the cluster ends soon identity={} until=\"{}\" days_left={}",
            own->identity().id(), tls::to_string(own->expires()), left);
}

Result<> ControlPlane::Parts::read_credentials(const ControlPlaneOptions& options) {
  if (!credentials) return {};
  const auto loaded = load_cluster_credentials(options, tls::OutOfTime::accepted);
  if (!loaded) return loaded.error();
  credentials->set(*loaded);
  calls.set_credentials(credentials);
  access.go_by_certificates();
  log::info("certificate of the cluster read identity={} until=\"{}\" revocations={}",
            (*loaded)->identity().id(), tls::to_string((*loaded)->expires()),
            (*loaded)->revocations());
  return {};
}

// Connections that are open are looked at again within half a second.
void ControlPlane::Parts::use_credentials(tls::CredentialsPtr loaded) {
  warned_at = {};
  log::info("certificate of the cluster read again identity={} until=\"{}\" revocations={}",
            loaded->identity().id(), tls::to_string(loaded->expires()), loaded->revocations());
  const auto before = credentials->get()->revocations();
  if (before > 0 && loaded->revocations() == 0) {
    log::warn("nobody is revoked any more, the list of revocations is empty before={}", before);
  }
  credentials->set(std::move(loaded));
  registry.judge_certificates(access::wall_time());
  if (!member) return;
  tell_inner_access();
  member->renew_tls();
}

void ControlPlane::Parts::tell_inner_access() {
  if (!node.inner || !hooks.inner_access || !member) return;
  auto next = std::make_shared<InnerAccess>();
  if (credentials) next->credentials = credentials->get();
  for (const auto& [other, control] : member->others()) next->masters.emplace(other.name());
  next->alone = member->feature_level() >= wire::features::inner_addresses;
  if (inner_access != nullptr && *inner_access == *next) return;
  inner_access = std::move(next);
  hooks.inner_access(inner_access);
}

}  // namespace tandem::master
