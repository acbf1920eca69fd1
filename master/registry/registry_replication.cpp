// The records follow the replicated state: after a committed change or a snapshot, each name's
// record becomes what the state says, whatever it was before.

#include "common/base/assert.hpp"
#include "common/base/log.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

// ---- committed changes

Result<> Registry::apply(const Change& change, Instant now) {
  thread_.assert_here();
  const auto name = subject_of(change);
  const auto joined = state_.joined.find(name);
  const bool had_joined = joined != state_.joined.end();
  const bool was_of_default = had_joined && joined->second.service == default_service;
  auto outcome = state_.apply(change);
  if (!outcome) return outcome;
  ++changes_;
  if (!name.empty()) note(name);
  if (std::holds_alternative<Leave>(change) && was_of_default) default_is_gone_ = true;
  if (std::holds_alternative<Join>(change) && services_.find(default_service) != nullptr)
    default_is_gone_ = false;
  if (const auto* set = std::get_if<SetRoute>(&change)) {
    route_changed({set->route.host, set->route.prefix});
  } else if (const auto* removed = std::get_if<RemoveRoute>(&change)) {
    route_changed({removed->host, removed->prefix});
  } else if (const auto* said = std::get_if<SetSettings>(&change)) {
    settings_changed(said->service);
  } else if (const auto* unset = std::get_if<RemoveSettings>(&change)) {
    settings_changed(unset->service);
  } else if (std::holds_alternative<SetSecret>(change)) {
    secret_changed();
  } else if (std::holds_alternative<RaiseFeatureLevel>(change)) {
    note_all();
    for (const auto& [added, spec] : state_.added) follow(added, had_joined, now);
  } else if (!name.empty()) {  // the change is about a worker
    follow(name, had_joined, now);
  }
  return outcome;
}

// Makes the record of that name agree with the state. This master's own --backend takes precedence;
// a worker that this master hears stays as it is heard, because the primary commits what it hears.
void Registry::follow(const std::string& name, bool had_joined, Instant now) {
  const auto found = records_.find(name);
  if (found != records_.end() && !may_stay(found->second, had_joined)) {
    if (!state_.knows(name)) {
      log::info("worker left the cluster name={} service={}", name, found->second.service);
    }
    erase(found);
  } else if (found != records_.end()) {
    left_out_.erase(name);
    return settle_decisions(found->second);
  }
  left_out_.erase(name);
  if (const auto added = state_.added.find(name); added != state_.added.end()) {
    insert_added(added->second, now);
  } else if (const auto joined = state_.joined.find(name); joined != state_.joined.end()) {
    insert_joined(name, joined->second, now);
  }
}

bool Registry::may_stay(const WorkerRecord& record, bool had_joined) const {
  if (record.kind == WorkerKind::configured) return true;
  if (record.kind == WorkerKind::discovered) return !state_.knows(record.name);
  if (const auto added = state_.added.find(record.name); added != state_.added.end()) {
    return is_added_as(record, added->second);
  }
  if (record.kind == WorkerKind::added || was_removed(record)) return false;
  if (is_heard(record)) return true;
  const auto joined = state_.joined.find(record.name);
  if (joined != state_.joined.end()) {
    if (!record.is_unheard()) return is_joined_as(record, joined->second);
    return is_described_by(record, joined->second) && record.protocol == joined->second.protocol &&
           record.serves_tls == joined->second.tls;
  }
  return !had_joined && !record.is_unheard();
}

bool Registry::is_added_as(const WorkerRecord& record, const wire::WorkerSpec& spec) {
  return record.kind == WorkerKind::added && record.service == spec.service &&
         record.address == spec.address && record.own_weight == spec.weight &&
         record.connections == spec.connections;
}

// Until then one that votes already stays as it was told of.
std::optional<wire::WitnessOffer> Registry::offer_told(const WorkerRecord& record,
                                                       const ClusterState& state) {
  if (!record.witness || !record.witness->dials() || state.knows_dialing_witnesses()) {
    return record.witness;
  }
  const auto told = state.joined.find(record.name);
  const bool is_same = told != state.joined.end() && told->second.witness &&
                       told->second.witness->incarnation == record.witness->incarnation;
  return is_same ? told->second.witness : std::nullopt;
}

bool Registry::is_described_by(const WorkerRecord& record, const JoinedWorker& joined) const {
  return record.service == joined.service && record.address == joined.address &&
         record.own_weight == joined.weight && record.connections == joined.connections &&
         record.takes_term == joined.takes_term && offer_told(record, state_) == joined.witness;
}

// Avoids a copy, because all workers are compared at each tick.
bool Registry::is_joined_as(const WorkerRecord& record, const JoinedWorker& joined) const {
  return is_described_by(record, joined) &&
         (!state_.judges() || record.incarnation == joined.incarnation) &&
         (!state_.knows_protocols() || record.protocol == joined.protocol) &&
         (!state_.knows_inner_tls() || record.serves_tls == joined.tls);
}

// Repeats follow() for changes that could not be followed when they were committed, and for workers
// that others have since heard at another address than this master.
void Registry::follow_again(const std::vector<std::string>& silent, Instant now) {
  for (const auto& name : silent) {
    const auto joined = state_.joined.find(name);
    const auto found = records_.find(name);
    if (joined == state_.joined.end() || found == records_.end()) continue;
    const auto& record = found->second;
    const bool moved =
        record.address != joined->second.address || record.service != joined->second.service;
    if (moved) follow(name, true, now);
  }
  for (const auto& name : std::vector<std::string>(left_out_.begin(), left_out_.end())) {
    follow(name, false, now);
  }
}

bool Registry::was_removed(const WorkerRecord& record) const {
  return record.kind == WorkerKind::tandem && state_.has_removed(record.name, record.incarnation);
}

void Registry::settle_decisions(WorkerRecord& record) {
  const auto before = standing(record);
  const auto weight = record.weight();
  const bool drained = record.drained;
  apply_decisions(record);
  if (record.weight() == weight && record.drained == drained) return;
  settle(record, before);
  record.shown.reset();
  mark_changed(record);
  log::info("operator decision name={} state={} weight={}", record.name, to_string(record.state()),
            record.weight());
}

void Registry::restore(ClusterState state, Instant now) {
  thread_.assert_here();
  const auto before = std::exchange(state_, std::move(state));
  if (before.secret != state_.secret) secret_changed();
  routes_changed();
  for (const auto& [service, settings] : before.settings) settings_changed(service);
  for (const auto& [service, settings] : state_.settings) settings_changed(service);
  std::set<std::string> names;
  for (const auto& [name, record] : records_) names.insert(name);
  for (const auto& [name, worker] : state_.joined) names.insert(name);
  for (const auto& [name, spec] : state_.added) names.erase(name);
  // Workers that an operator has put at an address come first.
  for (const auto& [name, spec] : state_.added) {
    follow(name, before.joined.contains(name), now);
  }
  for (const auto& name : names) follow(name, before.joined.contains(name), now);
  note_all();
}

// A worker that other masters know and this one has not heard is listed, but gets no traffic until
// it is heard. If this master was away for long its next heartbeat may take seconds, so it is
// probed.
void Registry::insert_joined(const std::string& name, const JoinedWorker& worker, Instant now) {
  if (const auto room = check_room(worker.service); !room) return leave_out(name, room.error());
  for (const auto* other : others_at(worker.address, name)) {
    if (!other->is_put() && !is_heard(*other)) continue;
    left_out_.insert(name);  // the other worker was there first
    return;
  }
  retire_others_at(worker.address, name);
  const auto& kept = insert({.kind = WorkerKind::tandem,
                             .name = name,
                             .service = worker.service,
                             .address = worker.address,
                             .own_weight = worker.weight,
                             .connections = worker.connections,
                             .takes_term = worker.takes_term,
                             .protocol = worker.protocol,
                             .serves_tls = worker.tls,
                             .witness = worker.witness,
                             .liveness = Liveness::unproven(clock_.at(now)),
                             .suspicion = Suspicion(options_.heartbeat_interval / 4)});
  if (hooks_.on_backend) hooks_.on_backend(kept.id);
}

void Registry::insert_added(const wire::WorkerSpec& spec, Instant now) {
  const auto inserted = insert_backend(spec, WorkerKind::added, now);
  if (!inserted) leave_out(spec.name, inserted.error());
}

void Registry::leave_out(const std::string& name, const Error& why) {
  left_out_.insert(name);
  log::warn("worker of the cluster left out name={} reason=\"{}\"", name, why.message);
}

// ---- backends

Error Registry::name_taken(const WorkerRecord& holder) {
  return fail(ErrorCode::conflict,
              fmt::format("the name {} belongs to the worker at {}", holder.name,
                          holder.address.to_string()),
              "name");
}

Result<> Registry::configure_backend(const wire::WorkerSpec& spec, Instant now) {
  thread_.assert_here();
  auto inserted = insert_backend(spec, WorkerKind::configured, now);
  if (inserted) configured_backends_.insert_or_assign(spec.name, spec);
  return inserted;
}

Result<> Registry::insert_backend(const wire::WorkerSpec& spec, WorkerKind kind, Instant now) {
  TANDEM_ASSERT(spec.address.is_numeric() || kind == WorkerKind::configured);
  TANDEM_ASSERT(spec.address.port != 0);
  const auto attentive = clock_.at(now);
  if (const auto taken = records_.find(spec.name); taken != records_.end()) {
    if (!makes_way(taken->second)) return name_taken(taken->second);
    erase(taken);
  }
  if (auto room = check_room(spec.service); !room) return room;
  retire_others_at(spec.address, spec.name);
  WorkerRecord record{.kind = kind,
                      .name = spec.name,
                      .service = spec.service,
                      .address = spec.address,
                      .own_weight = spec.weight,
                      .connections = spec.connections,
                      .liveness = Liveness::unproven(attentive),
                      .suspicion = Suspicion(options_.heartbeat_interval / 4)};
  const auto& kept = insert(std::move(record));
  if (hooks_.on_backend) hooks_.on_backend(kept.id);
  return {};
}

void Registry::apply_decisions(WorkerRecord& record) const {
  record.drained = state_.drained.contains(record.name);
  const auto weight = state_.weights.find(record.name);
  record.weight_decided =
      weight == state_.weights.end() ? std::nullopt : std::optional(weight->second);
}

}  // namespace tandem::master
