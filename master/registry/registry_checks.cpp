// Health checks: of workers that do not heartbeat, and of others if their service has
// check_workers.
#include <algorithm>

#include "master/registry/registry.hpp"

namespace tandem::master {

HealthCheck Registry::check_of(std::string_view service) const {
  const auto* said = services_.settings(service);
  return HealthCheck::of(said == nullptr ? wire::ServiceSettings() : *said,
                         options_.heartbeat_interval);
}

std::optional<Registry::Probe> Registry::probe_target(WorkerId id) const {
  thread_.assert_here();
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return std::nullopt;
  const auto& record = *found->second;
  const bool is_unheard = !record.is_probed() && !record.last_good;
  if (record.is_challenged()) {
    return Probe{.addresses = {record.address},
                 .check = check_of(record.service),
                 .protocol = record.protocol.value_or(spoken_to(record.service)),
                 .key = record.term_key,
                 .tls = tls_with(record),
                 .announced = announces_clients(record.service)};
  }
  if (!record.is_probed() && !record.checked && !is_unheard) return std::nullopt;
  // Anybody could answer in its place. Its heartbeats say what it is.
  if (is_unheard && !may_be_clear(record.service, record.address) && tls_with(record) == nullptr) {
    return std::nullopt;
  }
  // The address in use comes first, as long as the name still has it.
  auto addresses = record.addresses;
  if (addresses.empty() && record.address.is_numeric()) addresses.push_back(record.address);
  if (addresses.empty()) return std::nullopt;
  const auto current = std::find(addresses.begin(), addresses.end(), record.address);
  if (current != addresses.end()) std::rotate(addresses.begin(), current, current + 1);
  return Probe{.addresses = std::move(addresses),
               .check = check_of(record.service),
               .protocol = record.protocol.value_or(spoken_to(record.service)),
               .tls = tls_with(record),
               .announced = announces_clients(record.service)};
}

void Registry::probe_result(WorkerId id, std::optional<ProbeFailure> failure, Instant now) {
  thread_.assert_here();
  const auto attentive = clock_.at(now);
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return;
  auto& record = *found->second;
  if (record.is_challenged()) return challenged(record, failure, attentive, now);
  if (!record.is_probed() && !record.checked) {  // not heard yet
    if (!failure) good_sign(record, attentive, now);
    return;
  }
  const auto check = check_of(record.service);
  const auto before = standing(record);
  services_.state_changed(record);
  auto& counted = check_counts_.of(record.service);
  ++(failure ? counted.checks_failed : counted.checks_good);
  if (failure) {
    record.check_failure = failure;
    record.checks.bad(check.unhealthy);
    // For a worker that heartbeats, its heartbeats say whether it is alive.
    const bool is_dead = record.is_probed() && !record.checks.pass() && !record.liveness.down();
    if (is_dead) record.liveness.expire(attentive);
    settle(record, before);
    // A broken connection is a failed check; only a refused one means a dead process.
    if (failure->kind == FailureKind::refused) fail_worker(record, failure->kind, attentive, now);
    return;
  }
  record.checks.good(check.healthy);
  // A suspect needs that many good checks too.
  const bool enough = record.checks.pass() && record.checks.good_in_a_row() >= check.healthy;
  if (enough && record.is_probed()) return good_sign(record, attentive, now);
  if (enough) end_suspicion(record, attentive);
  settle(record, before);
}

// The result of a challenge to a silent worker. Even a good answer leaves it down: it only proves
// its identity.
void Registry::challenged(WorkerRecord& record, std::optional<ProbeFailure> failure,
                          Instant attentive, Instant now) {
  record.is_proven = !failure;
  services_.changed(record);
  request_publication();
  const bool is_gone = failure && failure->kind == FailureKind::refused;
  if (is_gone) fail_worker(record, failure->kind, attentive, now);
}

// After a change of its settings.
void Registry::check_otherwise(const std::string& service, const HealthCheck& before) {
  const auto check = check_of(service);
  const auto* members = services_.find(service);
  if (check == before || members == nullptr) return;
  for (const auto& [name, record] : *members) {
    const auto standing_before = standing(*record);
    if (!record->is_probed() && record->checked != check.workers) {
      // A worker that serves already continues until its checks fail.
      record->checked = check.workers;
      record->checks = CheckResults::passing();
      settle(*record, standing_before);
    }
    const bool is_probed = record->is_probed() || record->checked;
    if (is_probed && hooks_.on_backend) hooks_.on_backend(record->id);
  }
}

}  // namespace tandem::master
