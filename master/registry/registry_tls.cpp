// TLS with workers: as the settings of their service say, or by certificates of the cluster.

#include "common/base/log.hpp"
#include "common/tls/worker_tls.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

void Registry::use_certificates(tls::CurrentCredentialsPtr credentials, ClearWorkers others) {
  thread_.assert_here();
  TANDEM_ASSERT(records_.empty());
  credentials_ = std::move(credentials);
  clear_workers_ = others;
}

// Its connection may have begun before the files were read again.
void Registry::note_certificate(std::string_view name, const tls::Peer& shown,
                                tls::WallTime today) {
  thread_.assert_here();
  const auto found = by_name_.find(name);
  if (found == by_name_.end() || found->second->is_probed() || credentials_ == nullptr) return;
  auto& record = *found->second;
  const auto before = standing(record);
  const bool is_its_own = shown.identity.kind == tls::Kind::worker && shown.identity.name == name;
  record.certificate = is_its_own ? std::optional(shown) : std::nullopt;
  // Its connections are judged by the authorities. It may have a certificate of the new one
  // already, which it shows with its next heartbeat: a change of authorities takes no worker out.
  if (record.certificate) record.certificate->shown.reset();
  record.distrust =
      is_its_own ? tls::why_not(*record.certificate, *credentials_->get(), today) : std::string();
  settle(record, before);
}

void Registry::judge_certificates(tls::WallTime today) {
  thread_.assert_here();
  if (credentials_ == nullptr) return;
  const auto current = credentials_->get();
  for (auto& [name, record] : records_) {
    if (!record.certificate) continue;
    const auto before = standing(record);
    record.distrust = tls::why_not(*record.certificate, *current, today);
    settle(record, before);
  }
}

// Each time another one, so that connections by the one before are given up.
void Registry::secure(WorkerRecord& record) const {
  record.shown.reset();
  if (record.serves_tls && credentials_) {
    record.tls = tls::WorkerTls::to_member(credentials_, record.name);
  } else {
    record.tls = nullptr;
  }
}

std::shared_ptr<const tls::WorkerTls> Registry::tls_with(const WorkerRecord& record) const {
  return record.tls != nullptr ? record.tls : services_.tls(record.service);
}

bool Registry::may_be_clear(std::string_view service, const Endpoint& address) const {
  if (credentials_ == nullptr || clear_workers_ == ClearWorkers::allowed) return true;
  const auto* said = services_.settings(service);
  return address.is_loopback() || (said != nullptr && said->upstream_tls == false);
}

Result<> Registry::check_is_secure(const wire::Heartbeat& heartbeat,
                                   const Endpoint& address) const {
  const bool is_secure = heartbeat.tls || services_.tls(heartbeat.service) != nullptr;
  if (is_secure || may_be_clear(heartbeat.service, address)) return {};
  return would_be_clear(heartbeat.name, address);
}

Error Registry::would_be_clear(std::string_view name, const Endpoint& address) {
  return fail(
      ErrorCode::conflict,
      fmt::format("requests to {} would go in clear text: let {} serve TLS, by its "
                  "certificate of the cluster or as upstream_tls=true of its service says, or "
                  "allow it by upstream_tls=false, or by --insecure-network at the masters",
                  address.to_string(), name),
      "address");
}

// `anew`: also where the settings are the same.
void Registry::secure_workers(const std::string& service, const wire::ServiceSettings& settings,
                              bool anew) {
  if (!settings.upstream_tls.value_or(false)) return services_.set_tls(service, nullptr);
  const tandem::tls::WorkerTlsSpec spec{.authority = settings.upstream_ca.value_or(""),
                                        .name = settings.upstream_name.value_or(""),
                                        .certificate = settings.upstream_cert.value_or("")};
  const auto before = services_.tls(service);
  if (!anew && before != nullptr && before->spec() == spec) return;
  auto loaded = tandem::tls::WorkerTls::load(spec);
  if (!loaded->problem().empty()) {
    log::error("tls with workers fails service={} reason=\"{}\"", service, loaded->problem());
  }
  services_.set_tls(service, std::move(loaded));
}

void Registry::reload_tls() {
  thread_.assert_here();
  std::vector<std::string> services;
  services_.for_each_settings([&](const std::string& name) { services.push_back(name); });
  for (const auto& service : services) secure_workers(service, settings(service), true);
  for (auto& [name, record] : records_) {
    if (record.tls == nullptr) continue;
    secure(record);
    mark_changed(record);
  }
  request_publication();
}

}  // namespace tandem::master
