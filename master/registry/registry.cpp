#include "master/registry/registry.hpp"

#include "common/base/assert.hpp"
#include "common/base/log.hpp"
#include "common/base/sender_address.hpp"

namespace tandem::master {

namespace {

// Two live workers with the same name must not take turns, so the holder keeps the name for two
// intervals after each heartbeat, which covers the jitter of the next one.
constexpr int intervals_name_is_held = 2;

bool advertises(const WorkerRecord& record, const wire::Heartbeat& heartbeat,
                const Endpoint& address) {
  return record.service == heartbeat.service && record.address == address;
}

Error backend_has(std::string_view name, const Endpoint& address) {
  return fail(ErrorCode::conflict,
              fmt::format("the name {} belongs to the backend at {}: give the worker another name",
                          name, address.to_string()),
              "name");
}

std::optional<wire::WitnessOffer> witness_of(const wire::Heartbeat& heartbeat,
                                             std::string_view peer_host) {
  auto offer = heartbeat.witness;
  if (offer && !offer->dials()) offer->control = reachable_from_here(offer->control, peer_host);
  return offer;
}

}  // namespace

Duration RegistryOptions::tick_interval() const {
  return std::clamp<Duration>(heartbeat_interval / 5, 2ms, 250ms);
}

Registry::Registry(RegistryOptions options, RegistryHooks hooks)
    : options_(options), hooks_(std::move(hooks)), clock_(options.tick_interval()) {
  TANDEM_ASSERT(hooks_.on_snapshot != nullptr && hooks_.on_change != nullptr);
  TANDEM_ASSERT(options.heartbeat_interval > Duration::zero());
}

// ---- reports from workers

Result<Membership> Registry::heartbeat(const wire::Heartbeat& heartbeat, std::string_view peer_host,
                                       Instant now) {
  thread_.assert_here();
  const auto attentive = clock_.at(now);
  const bool is_bye = heartbeat.condition == wire::WorkerCondition::bye;
  auto address = reachable_from_here(heartbeat.address, peer_host);
  if (auto secure = check_is_secure(heartbeat, address); !secure && !is_bye) return secure.error();
  if (auto takes = check_takes_clients(heartbeat); !takes && !is_bye) return takes.error();
  const auto found = records_.find(heartbeat.name);
  if (found == records_.end()) {
    if (is_bye) return Membership::left;
    if (state_.has_removed(heartbeat.name, heartbeat.incarnation)) return Membership::removed;
    if (const auto added = state_.added.find(heartbeat.name); added != state_.added.end()) {
      return backend_has(heartbeat.name, added->second.address);
    }
    if (auto free = check_address_is_free(heartbeat, address); !free) return free.error();
    return join(heartbeat, std::move(address), peer_host, attentive, now);
  }
  auto& record = found->second;
  // Until now it was only known from the replicated state.
  if (record.is_unheard() && advertises(record, heartbeat, address) &&
      !state_.has_removed(heartbeat.name, heartbeat.incarnation)) {
    record.incarnation = heartbeat.incarnation;
    record.takes_term = heartbeat.takes_proof;
    note(record.name);
    if (give_keys(record)) mark_changed(record);
  }
  if (record.incarnation == heartbeat.incarnation && !record.is_probed()) {
    // A heartbeat that arrives after the bye was sent before it.
    if (record.has_left()) return Membership::left;
    if (advertises(record, heartbeat, address)) {
      refresh(record, heartbeat, peer_host, attentive, now);
      return is_bye ? Membership::left : Membership::registered;
    }
  } else {
    // The bye of an incarnation that was replaced does not matter.
    if (is_bye) return Membership::left;
    if (state_.has_removed(heartbeat.name, heartbeat.incarnation)) return Membership::removed;
    if (auto free = check_name_is_free(record, heartbeat, address, attentive); !free)
      return free.error();
  }
  if (auto room = services_.check_room(heartbeat.service); !room) return room.error();
  if (auto free = check_address_is_free(heartbeat, address); !free) return free.error();
  auto predecessors = record.address == address ? record.predecessors : std::vector<std::string>();
  auto replaced = record.incarnation == heartbeat.incarnation ? record.replaced_incarnation
                                                              : record.incarnation;
  erase(found);
  auto joined = join(heartbeat, std::move(address), peer_host, attentive, now);
  TANDEM_ASSERT(joined.ok());  // there was room for the one it replaces
  auto& successor = records_.find(heartbeat.name)->second;
  successor.replaced_incarnation = std::move(replaced);
  successor.predecessors.insert(successor.predecessors.begin(), predecessors.begin(),
                                predecessors.end());
  return is_bye ? Membership::left : Membership::registered;
}

// Another incarnation asks for the name that `holder` has. A worker that restarted at the same
// address gets it at once; one at another address, and one that was replaced before, only when the
// holder is gone.
Result<> Registry::check_name_is_free(const WorkerRecord& holder, const wire::Heartbeat& heartbeat,
                                      const Endpoint& address, Instant attentive) const {
  if (holder.is_put()) return backend_has(holder.name, holder.address);
  if (holder.kind == WorkerKind::discovered) return {};
  const auto held_until =
      holder.liveness.last_good() + intervals_name_is_held * options_.heartbeat_interval;
  const bool is_gone = holder.has_left() || holder.liveness.down() || holder.suspicion.active() ||
                       attentive > held_until;
  const bool was_replaced = holder.replaced_incarnation == heartbeat.incarnation;
  if (is_gone || (holder.address == address && !was_replaced)) return {};
  return fail(
      ErrorCode::conflict,
      fmt::format("another live worker at {} has the name {}: give each worker its own name",
                  holder.address.to_string(), holder.name),
      "name");
}

Result<Membership> Registry::join(const wire::Heartbeat& heartbeat, Endpoint address,
                                  std::string_view peer_host, Instant attentive, Instant now) {
  if (auto room = check_room(heartbeat.service); !room) return room.error();
  auto predecessors = retire_others_at(address, heartbeat.name);
  WorkerRecord record{.kind = WorkerKind::tandem,
                      .name = heartbeat.name,
                      .service = heartbeat.service,
                      .address = std::move(address),
                      .incarnation = heartbeat.incarnation,
                      .predecessors = std::move(predecessors),
                      .own_weight = heartbeat.weight,
                      .connections = heartbeat.connections,
                      .takes_term = heartbeat.takes_proof,
                      .protocol = heartbeat.protocol,
                      .serves_tls = heartbeat.tls,
                      .witness = witness_of(heartbeat, peer_host),
                      .condition = heartbeat.condition,
                      .left_at = attentive,
                      .liveness = Liveness::heard(attentive),
                      .suspicion = Suspicion(options_.heartbeat_interval / 4),
                      .last_good = now};
  auto& kept = insert(std::move(record));
  note_load(kept, heartbeat.in_flight);
  if (kept.checked && hooks_.on_backend) hooks_.on_backend(kept.id);
  return Membership::registered;
}

void Registry::refresh(WorkerRecord& record, const wire::Heartbeat& heartbeat,
                       std::string_view peer_host, Instant attentive, Instant now) {
  if (auto offer = witness_of(heartbeat, peer_host); offer != record.witness) {
    record.witness = std::move(offer);
    note(record.name);
  }
  record.has_refused = false;
  record.is_proven = false;
  note_load(record, heartbeat.in_flight);
  const bool unchanged =
      record.own_weight == heartbeat.weight && record.connections == heartbeat.connections &&
      record.condition == heartbeat.condition && record.protocol == heartbeat.protocol &&
      record.serves_tls == heartbeat.tls;
  if (unchanged) return good_sign(record, attentive, now);
  const auto before = standing(record);
  record.own_weight = heartbeat.weight;
  record.connections = heartbeat.connections;
  record.condition = heartbeat.condition;
  record.protocol = heartbeat.protocol;
  record.serves_tls = heartbeat.tls;
  secure(record);
  record.left_at = attentive;
  record.shown.reset();
  note(record.name);
  good_sign(record, attentive, now);
  settle(record, before);
  mark_changed(record);
}

// ---- observations of this master

void Registry::good_sign(WorkerRecord& record, Instant attentive, Instant now) {
  record.last_good = now;
  if (!record.liveness.down() && !record.suspicion.active()) {
    record.liveness.good_sign(attentive);
    return;
  }
  const auto before = standing(record);
  if (record.liveness.down()) note(record.name);
  record.liveness.good_sign(attentive);
  end_suspicion(record, attentive);
  settle(record, before);
}

// There was a good sign, which may have come too early to end the suspicion.
void Registry::end_suspicion(WorkerRecord& record, Instant attentive) {
  if (!record.suspicion.good_sign(attentive, record.answered())) return;
  record.counters->suspect.store(false, std::memory_order_relaxed);
}

// The load from other masters and other clients. The worker counted at another moment than this
// master, so the lower value of two heartbeats is used: it leaves out requests that began or ended
// between the two counts.
void Registry::note_load(WorkerRecord& record, unsigned in_flight) {
  const auto ours = record.counters->in_flight.load(std::memory_order_relaxed);
  const auto elsewhere = in_flight > ours ? in_flight - ours : 0;
  record.counters->in_flight_elsewhere.store(std::min(elsewhere, record.elsewhere_before),
                                             std::memory_order_relaxed);
  record.elsewhere_before = elsewhere;
}

void Registry::fail_worker(WorkerRecord& record, FailureKind kind, Instant attentive, Instant now) {
  const auto before = standing(record);
  record.last_failure = kind;
  record.has_refused = record.has_refused || kind == FailureKind::refused;
  record.counters->suspect.store(true, std::memory_order_relaxed);
  if (record.suspicion.raise(attentive, record.answered())) {
    record.held_until = now + record.suspicion.hold();
  }
  settle(record, before);
}

void Registry::report_failure(WorkerId id, FailureKind kind, Instant now) {
  thread_.assert_here();
  const auto attentive = clock_.at(now);
  const auto found = by_id_.find(id);
  if (found == by_id_.end())
    return;  // the worker was replaced or removed while the report was on its way
  fail_worker(*found->second, kind, attentive, now);
  if (found->second->last_resort) failed_as_last_resort(*found->second, now);
}

// ---- the list of workers and its publication

Result<> Registry::check_room(std::string_view service) const {
  if (records_.size() >= limits::workers_max) {
    return fail(
        ErrorCode::unavailable,
        fmt::format("this master keeps {} workers already, its limit", limits::workers_max));
  }
  return services_.check_room(service);
}

WorkerRecord& Registry::insert(WorkerRecord record) {
  record.id = last_id_ = last_id_.next();
  record.counters = std::make_shared<WorkerCounters>();
  record.checked = !record.is_probed() && check_of(record.service).workers;
  if (record.is_probed() || record.checked) record.checks = CheckResults::unproven();
  apply_decisions(record);
  give_keys(record);
  secure(record);
  auto name = record.name;
  const auto [place, inserted] = records_.emplace(std::move(name), std::move(record));
  TANDEM_ASSERT(inserted && records_.size() <= limits::workers_max);
  auto& kept = place->second;
  kept.told = kept.told_state();
  by_id_.emplace(kept.id, &kept);
  by_name_.emplace(kept.name, &kept);
  note_address(kept);
  note(kept.name);
  if (!kept.is_probed()) review_later(kept);
  services_.add(kept);
  request_publication();
  log::info("worker joined name={} service={} address={} state={} id={}", kept.name, kept.service,
            kept.address.to_string(), to_string(kept.state()), kept.id);
  return kept;
}

void Registry::erase(Records::iterator place) {
  note_displaced(place->second);
  services_.remove(place->second);
  by_id_.erase(place->second.id);
  by_name_.erase(place->second.name);
  note(place->first);
  forget_address(place->second);
  records_.erase(place);
  request_publication();
}

Registry::Standing Registry::standing(const WorkerRecord& record) {
  return {record.state(), record.gets_traffic(), record.may_return()};
}

void Registry::settle(WorkerRecord& record, Standing before) {
  record.counters->down.store(record.state() == WorkerState::down, std::memory_order_relaxed);
  const bool shows = record.gets_traffic() != before.gets_traffic;
  if (shows || record.may_return() != before.may_return) mark_changed(record);
  if (record.state() != before.state) services_.state_changed(record);
  tell_state(record);
}

void Registry::tell_state(WorkerRecord& record) {
  const auto next = record.told_state();
  if (record.refuses_tls()) refusing_tls_.insert(record.id);
  const auto before = std::exchange(record.told, next);
  if (before == next) return;
  log::info("worker state name={} from={} to={} reason=\"{}\"", record.name, to_string(before),
            to_string(next), record.told_reason());
  if (hooks_.on_state) hooks_.on_state(record, before);
}

// Whether a worker has accepted TLS again, the loops know alone.
void Registry::review_refusals_of_tls() {
  for (auto each = refusing_tls_.begin(); each != refusing_tls_.end();) {
    const auto found = by_id_.find(*each);
    if (found != by_id_.end()) tell_state(*found->second);
    const bool still_refuses = found != by_id_.end() && found->second->refuses_tls();
    each = still_refuses ? std::next(each) : refusing_tls_.erase(each);
  }
}

void Registry::mark_changed(WorkerRecord& record) {
  services_.changed(record);
  request_publication();
}

void Registry::request_publication() {
  if (publication_wanted_) return;
  publication_wanted_ = true;
  hooks_.on_change();
}

void Registry::set_sharers(unsigned sharers) {
  thread_.assert_here();
  if (services_.set_sharers(sharers)) request_publication();
}

std::optional<std::uint64_t> Registry::published_version() const {
  thread_.assert_here();
  return publication_wanted_ || version_ == 0 ? std::nullopt : std::optional(version_);
}

void Registry::publish() {
  thread_.assert_here();
  if (!publication_wanted_ && version_ > 0) return;
  publication_wanted_ = false;
  auto snapshot = services_.build(++version_);
  if (routes_ == nullptr) {
    routes_ = std::make_shared<const RouteTable>(routes());
  }
  snapshot->routes = routes_;
  snapshot->via = via_;
  hooks_.on_snapshot(std::move(snapshot));
}

}  // namespace tandem::master
