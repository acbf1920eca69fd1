// The replicated part: what operators decide and the primary registers becomes a change; committed
// changes are applied, on every master alike.
#include <algorithm>

#include <spdlog/spdlog.h>

#include "common/base/assert.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

namespace {

Error unknown(std::string_view name) {
  return fail(ErrorCode::not_found, fmt::format("no worker has the name {}", name), "name");
}

// Names come and go; what was decided of those that went is kept, but not without end.
template <class Container>
Result<> check_kept(const Container& kept, const std::string& name) {
  if (kept.size() < limits::workers_max || kept.contains(name)) return {};
  return fail(ErrorCode::unavailable,
              fmt::format("decisions about {} workers are kept already, the limit: delete workers "
                          "that are gone",
                          limits::workers_max));
}

JoinedWorker joined_as(const WorkerRecord& record) {
  return {.service = record.service,
          .address = record.address,
          .weight = record.own_weight,
          .connections = record.connections,
          .takes_term = record.takes_term,
          .witness = record.witness};
}

// Without making a copy: all workers are compared at each tick.
bool is_joined_as(const WorkerRecord& record, const JoinedWorker& joined) {
  return record.service == joined.service && record.address == joined.address &&
         record.own_weight == joined.weight && record.connections == joined.connections &&
         record.takes_term == joined.takes_term && record.witness == joined.witness;
}

}  // namespace

// ---- what operators want

Result<Change> Registry::add(const wire::WorkerSpec& spec) const {
  thread_.assert_here();
  if (const auto taken = records_.find(spec.name); taken != records_.end()) {
    return name_taken(taken->second);
  }
  if (auto room = check_room(spec.service); !room) return room.error();
  if (auto free = check_address_is_free(spec); !free) return free.error();
  return Change(AddWorker{spec});
}

Result<Change> Registry::remove(std::string_view name) const {
  thread_.assert_here();
  const auto found = records_.find(name);
  const bool decided = state_.drained.contains(name) || state_.weights.contains(name) ||
                       state_.added.contains(name) || state_.joined.contains(name);
  if (found == records_.end() && !decided) return unknown(name);
  if (found == records_.end()) return Change(RemoveWorker{std::string(name)});
  const auto& record = found->second;
  if (record.kind == WorkerKind::configured) {
    return fail(
        ErrorCode::conflict,
        fmt::format("{} was given by --backend: drain it, or take it out of the configuration",
                    name),
        "name");
  }
  // One that is down, too: it may only be cut off.
  const bool comes_back = record.kind == WorkerKind::tandem && !record.has_left();
  if (record.is_unheard() && !record.liveness.down()) {
    return fail(ErrorCode::unavailable,
                fmt::format("{} has not been heard by this master yet: try again", name));
  }
  return Change(RemoveWorker{record.name, comes_back ? record.incarnation : std::string()});
}

Result<Change> Registry::drain(std::string_view name) const {
  thread_.assert_here();
  if (!records_.contains(name)) return unknown(name);
  if (auto kept = check_kept(state_.drained, std::string(name)); !kept) return kept.error();
  return Change(SetDrained{std::string(name), true});
}

Result<Change> Registry::undrain(std::string_view name) const {
  thread_.assert_here();
  if (!records_.contains(name) && !state_.drained.contains(name)) return unknown(name);
  return Change(SetDrained{std::string(name), false});
}

Result<Change> Registry::set_weight(std::string_view name, std::optional<unsigned> weight) const {
  thread_.assert_here();
  TANDEM_ASSERT(weight.value_or(0) <= limits::weight_max);
  const auto decided = state_.weights.find(name);
  if (!records_.contains(name) && (weight || decided == state_.weights.end())) return unknown(name);
  if (weight) {
    if (auto kept = check_kept(state_.weights, std::string(name)); !kept) return kept.error();
  }
  return Change(SetWeight{std::string(name), weight});
}

// ---- what the primary registers

std::vector<Change> Registry::unregistered(Instant now, std::size_t changes_max) {
  thread_.assert_here();
  const auto attentive = clock_.at(now);
  std::vector<Change> due;
  for (const auto& [name, record] : records_) {
    if (due.size() >= changes_max) return due;
    if (record.is_probed() || record.has_left() || record.liveness.down()) continue;
    const auto joined = state_.joined.find(name);
    if (joined != state_.joined.end() && is_joined_as(record, joined->second)) continue;
    due.push_back(Join{name, joined_as(record)});
  }
  for (const auto& [name, worker] : state_.joined) {
    if (due.size() >= changes_max) return due;
    if (has_gone(name, worker, attentive)) due.push_back(Leave{name});
  }
  return due;
}

// Silence counts only from when this master leads with all applied: before that it may not have
// heard what others heard, and may not know yet what others have committed.
bool Registry::has_gone(const std::string& name, const JoinedWorker& worker,
                        Instant attentive) const {
  const auto is_over = [&](Instant since) {
    return attentive - std::max(since, leads_since_) > options_.forget_after;
  };
  const auto found = records_.find(name);
  if (found == records_.end()) {
    const auto others = others_at(worker.address, name);
    const bool replaced = std::any_of(others.begin(), others.end(), [](const auto* other) {
      return other->is_probed() || is_heard(*other);
    });
    return replaced || (leads_since_ != Instant::never() && is_over(leads_since_));
  }
  const auto& record = found->second;
  if (record.is_probed()) return true;
  if (record.has_left()) return is_forgotten(record, attentive);
  return record.liveness.down() && is_over(record.liveness.down_since());
}

void Registry::began_to_lead(Instant now) {
  thread_.assert_here();
  leads_since_ = clock_.at(now);
  told_panicking_.clear();
}

// ---- what was committed

void Registry::apply(const Change& change, Instant now) {
  thread_.assert_here();
  state_.apply(change);
  if (const auto* set = std::get_if<SetRoute>(&change)) {
    return route_changed({set->route.host, set->route.prefix});
  }
  if (const auto* removed = std::get_if<RemoveRoute>(&change)) {
    return route_changed({removed->host, removed->prefix});
  }
  if (const auto* set = std::get_if<SetSettings>(&change)) return settings_changed(set->service);
  if (const auto* unset = std::get_if<RemoveSettings>(&change)) {
    return settings_changed(unset->service);
  }
  if (std::holds_alternative<SetSecret>(change)) return secret_changed();
  const bool of_members =
      std::holds_alternative<RaiseFeatureLevel>(change) ||
      std::holds_alternative<SetMasters>(change) || std::holds_alternative<AdmitMaster>(change) ||
      std::holds_alternative<ExpelMaster>(change);
  if (of_members) return;
  const auto name = subject_of(change);
  const auto found = records_.find(name);
  if (const auto* join = std::get_if<Join>(&change)) {
    if (found == records_.end()) insert_joined(name, join->worker, now);
  } else if (std::holds_alternative<Leave>(change) ||
             std::holds_alternative<RemoveWorker>(change)) {
    if (found != records_.end() && (may_go(found->second) || was_removed(found->second))) {
      spdlog::info("worker left the cluster name={} service={}", name, found->second.service);
      return erase(found);
    }
  } else if (const auto* add = std::get_if<AddWorker>(&change)) {
    if (found == records_.end()) return insert_added(add->spec, now);
  }
  if (found != records_.end()) settle_decisions(found->second);
}

// What heartbeats, or was configured here, is not taken away by what others have committed.
bool Registry::may_go(const WorkerRecord& record) {
  if (record.kind == WorkerKind::configured) return false;
  return record.is_probed() || record.has_left() || record.liveness.down();
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
  spdlog::info("operator decision name={} state={} weight={}", record.name,
               to_string(record.state()), record.weight());
}

void Registry::restore(ClusterState state, Instant now) {
  thread_.assert_here();
  for (auto place = records_.begin(); place != records_.end();) {
    const auto current = place++;
    const auto& record = current->second;
    const bool was_added = record.kind == WorkerKind::added && !state.added.contains(record.name);
    const bool was_joined = record.kind == WorkerKind::tandem &&
                            state_.joined.contains(record.name) &&
                            !state.joined.contains(record.name) && may_go(record);
    const bool was_removed =
        record.kind == WorkerKind::tandem && state.has_removed(record.name, record.incarnation);
    if (was_added || was_joined || was_removed) erase(current);
  }
  const auto old_settings = std::exchange(state_.settings, {});
  const bool keyed_otherwise = state.secret != state_.secret;
  state_ = std::move(state);
  if (keyed_otherwise) secret_changed();
  routes_changed();
  for (const auto& [service, settings] : old_settings) settings_changed(service);
  for (const auto& [service, settings] : state_.settings) settings_changed(service);
  for (auto& [name, record] : records_) settle_decisions(record);
  for (const auto& [name, spec] : state_.added) {
    if (!records_.contains(name)) insert_added(spec, now);
  }
  for (const auto& [name, worker] : state_.joined) {
    if (!records_.contains(name)) insert_joined(name, worker, now);
  }
}

// A worker that others know and this master has not heard: listed, without traffic until it is
// heard. Its next heartbeat may be seconds away, if this master was away for long: so it is asked.
void Registry::insert_joined(const std::string& name, const JoinedWorker& worker, Instant now) {
  if (const auto room = check_room(worker.service); !room) {
    spdlog::warn("registered worker left out name={} reason=\"{}\"", name, room.error().message);
    return;
  }
  for (const auto* other : others_at(worker.address, name)) {
    if (other->is_probed() || is_heard(*other)) return;  // it was there before that one came
  }
  retire_others_at(worker.address, name);
  const auto& kept = insert({.kind = WorkerKind::tandem,
                             .name = name,
                             .service = worker.service,
                             .address = worker.address,
                             .own_weight = worker.weight,
                             .connections = worker.connections,
                             .takes_term = worker.takes_term,
                             .witness = worker.witness,
                             .liveness = Liveness::unproven(clock_.at(now)),
                             .suspicion = Suspicion(options_.heartbeat_interval / 4)});
  if (hooks_.on_backend) hooks_.on_backend(kept.id);
}

void Registry::insert_added(const wire::WorkerSpec& spec, Instant now) {
  const auto inserted = insert_backend(spec, WorkerKind::added, now);
  if (inserted) return;
  spdlog::warn("added worker left out name={} reason=\"{}\"", spec.name, inserted.error().message);
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
  return insert_backend(spec, WorkerKind::configured, now);
}

Result<> Registry::insert_backend(const wire::WorkerSpec& spec, WorkerKind kind, Instant now) {
  TANDEM_ASSERT(spec.address.is_numeric() || kind == WorkerKind::configured);
  TANDEM_ASSERT(spec.address.port != 0);
  const auto attentive = clock_.at(now);
  if (const auto taken = records_.find(spec.name); taken != records_.end()) {
    return name_taken(taken->second);
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
