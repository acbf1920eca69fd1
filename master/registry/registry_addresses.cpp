// An address belongs to the worker that answers there. A worker that registers at the address of
// others has their port, so they are gone, whatever their services and however recently they were
// heard: their requests would reach the newcomer.
//
// A heartbeat never replaces a worker that an operator has put there, by --backend or by the API.
// One that was read from a registry of others makes way for all of these (registry_discovered.cpp).
#include <algorithm>

#include "common/base/canonical_host.hpp"
#include "common/base/log.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

namespace {

// More workers at one address than this can only be a mistake.
constexpr std::size_t predecessors_max = 8;

}  // namespace

Error Registry::belongs_to(const WorkerRecord& holder) {
  return fail(ErrorCode::conflict,
              fmt::format("the address {} belongs to {} {}: no two workers can be at one address",
                          holder.address.to_string(),
                          holder.is_probed() ? "the backend" : "the worker", holder.name),
              "address");
}

Endpoint Registry::canonical(const Endpoint& address) {
  return {canonical_host(address.host), address.port};
}

std::vector<WorkerRecord*> Registry::others_at(const Endpoint& address,
                                               std::string_view name) const {
  std::vector<WorkerRecord*> others;
  const auto [begin, end] = by_address_.equal_range(canonical(address));
  for (auto place = begin; place != end; ++place) {
    if (place->second->name != name) others.push_back(place->second);
  }
  return others;
}

bool Registry::is_heard(const WorkerRecord& record) {
  return !record.is_probed() && !record.is_unheard() && !record.has_left() &&
         !record.liveness.down();
}

// If a worker that had the address before still heartbeats, it is not gone: two workers use one
// address, and the later one keeps it while it is heard.
Result<> Registry::check_address_is_free(const wire::Heartbeat& heartbeat,
                                         const Endpoint& address) const {
  for (const auto* holder : others_at(address, heartbeat.name)) {
    if (holder->is_put()) return belongs_to(*holder);
    const auto& before = holder->predecessors;
    const bool is_predecessor =
        std::find(before.begin(), before.end(), heartbeat.incarnation) != before.end();
    if (is_predecessor && is_heard(*holder)) return belongs_to(*holder);
  }
  return {};
}

// Workers that the operator added may share an address: they may be one server for several
// services.
Result<> Registry::check_address_is_free(const wire::WorkerSpec& spec) const {
  for (const auto* holder : others_at(spec.address, spec.name)) {
    if (is_heard(*holder)) return belongs_to(*holder);
  }
  return {};
}

// Returns the incarnations of the workers that were there, in the order in which they registered.
std::vector<std::string> Registry::retire_others_at(const Endpoint& address,
                                                    std::string_view name) {
  std::vector<std::string> retired;
  for (const auto* other : others_at(address, name)) {
    if (other->is_put()) continue;
    log::warn("worker retired name={} service={} address={} by={}", other->name, other->service,
              other->address.to_string(), name);
    retired.insert(retired.end(), other->predecessors.begin(), other->predecessors.end());
    if (!other->incarnation.empty()) retired.push_back(other->incarnation);
    erase(records_.find(other->name));
  }
  if (retired.size() > predecessors_max) {
    retired.erase(retired.begin(), retired.end() - predecessors_max);
  }
  return retired;
}

void Registry::note_address(WorkerRecord& record) {
  by_address_.emplace(canonical(record.address), &record);
}

void Registry::forget_address(const WorkerRecord& record) {
  auto [place, end] = by_address_.equal_range(canonical(record.address));
  place = std::find_if(place, end, [&](const auto& each) { return each.second == &record; });
  TANDEM_ASSERT(place != end);
  by_address_.erase(place);
}

// ---- names of backends

void Registry::take_addresses(std::string_view name, const Result<std::vector<Endpoint>>& found) {
  thread_.assert_here();
  const auto place = records_.find(name);
  if (place == records_.end()) return;
  auto& record = place->second;
  if (found) {
    TANDEM_ASSERT(!found->empty());
    record.addresses = *found;
    record.unresolved.clear();
    if (!record.address.is_numeric() && hooks_.on_backend) hooks_.on_backend(record.id);
    return;
  }
  record.unresolved = found.error().message;
  log::warn("backend cannot be resolved name={} address={} reason=\"{}\"", record.name,
            record.address.to_string(), record.unresolved);
}

// To the loops it is another worker, because they keep connections by id.
WorkerId Registry::found_at(WorkerId id, const Endpoint& address) {
  thread_.assert_here();
  const auto found = by_id_.find(id);
  if (found == by_id_.end() || found->second->address == address) return id;
  auto& record = *found->second;
  log::info("backend found name={} address={} before={}", record.name, address.to_string(),
            record.address.to_string());
  retire_others_at(address, record.name);
  by_id_.erase(found);
  forget_address(record);
  record.id = last_id_ = last_id_.next();
  record.address = address;
  record.counters = std::make_shared<WorkerCounters>();
  record.counted = {};
  record.suspicion = Suspicion(options_.heartbeat_interval / 4);
  record.last_resort = record.on_trial = false;
  record.shown.reset();
  by_id_.emplace(record.id, &record);
  note_address(record);
  mark_changed(record);
  return record.id;
}

}  // namespace tandem::master
