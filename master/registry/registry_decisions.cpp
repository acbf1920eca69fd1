// Operators' decisions and the primary's registrations, as the changes that have to be committed.
//
// A refusal here is based on what this primary knows now, and spares a commit. The commit decides
// whether a change is made: of two that are made at the same time, the log knows which came first.
#include <algorithm>

#include "common/base/assert.hpp"
#include "common/wire/limits.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

namespace {

// As far as members at the level of `state` may be told.
JoinedWorker joined_as(const WorkerRecord& record, const ClusterState& state,
                       std::optional<wire::WitnessOffer> witness) {
  JoinedWorker joined{.service = record.service,
                      .address = record.address,
                      .weight = record.own_weight,
                      .connections = record.connections,
                      .takes_term = record.takes_term,
                      .witness = std::move(witness)};
  if (state.judges()) joined.incarnation = record.incarnation;
  if (state.knows_protocols()) joined.protocol = record.protocol;
  if (state.knows_inner_tls()) joined.tls = record.serves_tls;
  return joined;
}

}  // namespace

// ---- decisions of operators

Result<Change> Registry::add(const wire::WorkerSpec& spec) const {
  thread_.assert_here();
  if (const auto taken = records_.find(spec.name);
      taken != records_.end() && !makes_way(taken->second)) {
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
  if (found == records_.end() && !decided) return no_such_worker(name);
  if (found == records_.end()) return Change(RemoveWorker{std::string(name)});
  const auto& record = found->second;
  if (record.kind == WorkerKind::configured) {
    return fail(
        ErrorCode::conflict,
        fmt::format("{} was given by --backend: drain it, or take it out of the configuration",
                    name),
        "name");
  }
  if (record.kind == WorkerKind::discovered) {
    return fail(ErrorCode::conflict,
                fmt::format("{} is in a registry that --discover reads: drain it, or deregister it "
                            "there",
                            name),
                "name");
  }
  // Also for a worker that is down, which may only be cut off.
  const bool comes_back = record.kind == WorkerKind::tandem && !record.has_left();
  if (record.is_unheard() && !record.liveness.down()) {
    return fail(ErrorCode::unavailable,
                fmt::format("{} has not been heard by this master yet: try again", name));
  }
  return Change(RemoveWorker{record.name, comes_back ? record.incarnation : std::string()});
}

Result<Change> Registry::drain(std::string_view name) const {
  thread_.assert_here();
  if (!records_.contains(name)) return no_such_worker(name);
  if (auto kept = state_.check_drain_room(std::string(name)); !kept) return kept.error();
  return Change(SetDrained{std::string(name), true, is_configured(name)});
}

Result<Change> Registry::undrain(std::string_view name) const {
  thread_.assert_here();
  if (!records_.contains(name) && !state_.drained.contains(name)) return no_such_worker(name);
  return Change(SetDrained{std::string(name), false, is_configured(name)});
}

Result<Change> Registry::set_weight(std::string_view name, std::optional<unsigned> weight) const {
  thread_.assert_here();
  TANDEM_ASSERT(weight.value_or(0) <= limits::weight_max);
  const auto decided = state_.weights.find(name);
  if (!records_.contains(name) && (weight || decided == state_.weights.end()))
    return no_such_worker(name);
  if (weight) {
    if (auto kept = state_.check_weight_room(std::string(name)); !kept) return kept.error();
  }
  return Change(SetWeight{std::string(name), weight, is_configured(name)});
}

// The state has no workers of --backend or --discover, and below that level changes do not mark
// them.
bool Registry::is_configured(std::string_view name) const {
  const auto found = records_.find(name);
  if (!state_.judges() || found == records_.end()) return false;
  const auto kind = found->second.kind;
  return kind == WorkerKind::configured || kind == WorkerKind::discovered;
}

// A worker gets requests as soon as it is heard, so a decision about it may come before its Join is
// committed.
std::optional<Change> Registry::registration_due(const Change& decision) const {
  thread_.assert_here();
  const bool is_decision =
      std::holds_alternative<SetDrained>(decision) || std::holds_alternative<SetWeight>(decision);
  const auto found = is_decision ? records_.find(subject_of(decision)) : records_.end();
  if (found == records_.end()) return std::nullopt;
  const auto& record = found->second;
  if (record.is_probed() || record.has_left() || record.is_unheard()) return std::nullopt;
  if (state_.knows(record.name)) return std::nullopt;
  // Also below the level at which decisions are checked, because the level may rise before this one
  // is committed.
  return Change(Join{record.name, joined_as(record, state_, offer_told(record, state_))});
}

// ---- registrations by the primary

std::vector<Change> Registry::unregistered(Instant now, std::size_t changes_max) {
  thread_.assert_here();
  const auto attentive = clock_.at(now);
  std::vector<Change> due;
  for (auto place = unsettled_.begin(); place != unsettled_.end() && due.size() < changes_max;) {
    std::optional<Change> change;
    const bool settled = is_settled(*place, attentive, change);
    if (change) due.push_back(std::move(*change));
    place = settled ? unsettled_.erase(place) : std::next(place);
  }
  return due;
}

// Whether the state says of the worker of that name what this master does; otherwise `due` is the
// change that has to be made now, if any: a worker that is silent leaves later.
bool Registry::is_settled(const std::string& name, Instant attentive,
                          std::optional<Change>& due) const {
  const auto found = records_.find(name);
  const auto joined = state_.joined.find(name);
  const bool is_joined = joined != state_.joined.end();
  if (found != records_.end()) {
    const auto& record = found->second;
    if (!record.is_probed() && !record.has_left() && !record.liveness.down()) {
      if (is_joined && is_joined_as(record, joined->second)) return true;
      due = Join{name, joined_as(record, state_, offer_told(record, state_))};
      return false;
    }
  }
  if (is_joined && has_gone(name, joined->second, attentive)) due = Leave{name};
  return !is_joined;
}

// On a master that does not lead nothing is settled, so what has gone is left out now and then.
void Registry::note(const std::string& name) {
  ++changes_;
  unsettled_.insert(name);
  if (unsettled_.size() > 2 * (records_.size() + state_.joined.size()) + 64) note_all();
}

void Registry::note_all() {
  ++changes_;
  unsettled_.clear();
  for (const auto& [name, record] : records_) unsettled_.insert(name);
  for (const auto& [name, worker] : state_.joined) unsettled_.insert(name);
}

// Silence counts only since this master leads and has applied everything: before that it may not
// have heard what others heard, and may not know what others have committed.
bool Registry::has_gone(const std::string& name, const JoinedWorker& worker,
                        Instant attentive) const {
  const auto is_over = [&](Instant since) {
    return attentive - std::max(since, leads_since_) > options_.forget_after;
  };
  const auto found = records_.find(name);
  if (found == records_.end()) {
    const auto others = others_at(worker.address, name);
    const bool replaced = std::any_of(others.begin(), others.end(), [](const auto* other) {
      return other->is_put() || is_heard(*other);
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
  note_all();
  told_panicking_.clear();
}

}  // namespace tandem::master
