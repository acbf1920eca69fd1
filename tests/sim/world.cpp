#include "tests/sim/world.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "common/base/duration.hpp"
#include "tests/sim/hash.hpp"

namespace tandem::sim {

namespace {
constexpr Duration healing_max = 30s;
constexpr Duration look_every = 100ms;
constexpr unsigned client_count = 3;
}  // namespace

World::World(std::uint64_t seed, Profile profile, Trace& trace)
    : random_(seed), profile_(std::move(profile)), trace_(trace) {
  build(profile_);
}

void World::build(const Profile& profile) {
  checker_.set_lenient(profile.lenient);
  if (!profile.default_timing && random_.below(4) == 0) {  // other timings than the default
    timing_.heartbeat = Duration(20ms) * static_cast<int>(1 + random_.below(20));
    timing_.election_timeout = timing_.heartbeat * static_cast<int>(4 + random_.below(8));
    timing_.clock_margin = timing_.election_timeout / 20;
  }
  append_entries_max_ = random_.below(2) == 0 ? 1 + random_.below(3) : 64;
  if (profile.single_entries) append_entries_max_ = 1;
  log_entries_max_ = 16 + random_.below(200);
  const auto masters =
      profile.masters_min + random_.below(profile.masters_max - profile.masters_min + 1);
  const auto workers =
      profile.workers_min + random_.below(profile.workers_max - profile.workers_min + 1);
  for (std::uint64_t i = 0; i < masters + profile.spare_masters; ++i) {
    add_machine(std::string(1, static_cast<char>('a' + i)), true, true);
    if (i < masters) founders_.push_back(machines_.back().index);
    machines_.back().joins = i >= masters;
  }
  if (profile.spare_masters > 0) plan(between(1s, 5s), EventKind::operate, 0);
  if (profile.grants) plan(between(1s, 5s), EventKind::drain, 0);
  for (std::uint64_t i = 0; i < workers; ++i) {
    // The first worker can always be a witness, so that there is a third voter.
    const bool eligible = profile.witnesses && (i == 0 || random_.below(4) != 0);
    add_machine(fmt::format("w{}", i + 1), false, eligible);
  }
  network_.emplace(machines_.size());
  for (auto& machine : machines_) {
    if (machine.is_master) master_ids_.push_back(machine.id);
    plan(between(0ms, 300ms), EventKind::restart, machine.index);
    if (machine.is_master) plan(between(0ms, 1s), EventKind::scan, machine.index);
    if (!machine.is_master) plan(between(0ms, 1s), EventKind::beat, machine.index);
  }
  for (std::uint32_t i = 0; i < client_count; ++i) {
    clients_.push_back({.number = i + 1, .target = 0});
    plan(between(1s, 2s), EventKind::client, i);
  }
}

void World::add_machine(const std::string& name, bool is_master, bool has_state_directory) {
  Machine machine;
  machine.index = static_cast<std::uint32_t>(machines_.size());
  machine.id = core::NodeId(name);
  machine.host = fmt::format("host{}", is_master ? machine.index : random_.below(4));
  machine.is_master = is_master;
  machine.has_state_directory = has_state_directory;
  machine.clock = ClockModel(random_.up_to(Duration(1000h)));
  machine.clock.set_rate(now_, static_cast<std::int64_t>(random_.below(20'001)) - 10'000);
  machine.incarnation = core::IncarnationId((random_.next() >> 11) + 1);
  machine.timing = timing_;
  machines_.push_back(std::move(machine));
}

std::vector<std::string> World::names() const {
  std::vector<std::string> names;
  for (const auto& machine : machines_) names.emplace_back(machine.id.name());
  return names;
}

void World::plan(SimTime delay, EventKind kind, std::uint32_t target, std::uint32_t other,
                 std::uint64_t number, std::uint64_t life) {
  TANDEM_ASSERT(delay >= SimTime::zero());
  events_.push({.at = now_ + delay,
                .kind = kind,
                .target = target,
                .other = other,
                .number = number,
                .life = life});
}

void World::pass(SimTime until) {
  while (!events_.empty() && events_.top().at <= until) {
    const Event event = events_.pop();
    TANDEM_ASSERT(event.at >= now_);
    now_ = event.at;
    if (trace_.is_on(now_)) note_lapses();
    ++statistics_.events;
    digest_ =
        mix(digest_, static_cast<std::uint64_t>(event.at.count()),
            static_cast<std::uint64_t>(event.kind) << 56 ^ event.target << 8 ^ event.number << 16);
    happen(event);
  }
  if (events_.size() > 100'000) throw Violation("the world's queue grows without bound");
  now_ = until;
}

void World::happen(const Event& event) {
  switch (event.kind) {
    case EventKind::client: return act(event.target);
    case EventKind::acknowledge: return acknowledge(event.target, event.number);
    case EventKind::operate: return operate();
    case EventKind::drain: return drain_some();
    case EventKind::clear_away: return clear_away();
    case EventKind::answered: return checker_.known(LogIndex(event.number));
    case EventKind::fault: return inject();
    case EventKind::ambush: return ambush(event.target);
    case EventKind::fault_over: return end_fault(event.number);
    case EventKind::phase: return;
    case EventKind::restart: return start(event.target);
    default: break;
  }
  Machine& machine = machines_[event.target];
  if (event.kind == EventKind::disk) {
    if (event.life != machine.life || event.other != machine.refusals) return;
    machine.disk.finish(core::WriteNumber(event.number));
    Event heard = event;
    heard.kind = EventKind::durable;
    if (machine.frozen) return machine.inbox.push_back(heard);
    return at_machine(heard, machine);
  }
  if (machine.frozen) {
    if (event.kind == EventKind::beat || event.kind == EventKind::scan) {
      return plan(1s, event.kind, event.target);
    }
    if (machine.inbox.size() < 4096) machine.inbox.push_back(event);
    return;
  }
  at_machine(event, machine);
}

// What reaches a process that is not frozen; it may be gone.
void World::at_machine(const Event& event, Machine& machine) {
  const bool same_life = event.life == 0 || event.life == machine.life;
  const bool there = machine.up && same_life;
  switch (event.kind) {
    case EventKind::deliver: return deliver(machine, event.number);
    case EventKind::beat: return beat(machine);
    case EventKind::scan: return scan(machine);
    default: break;
  }
  if (event.kind == EventKind::disk_works) machine.disk_refuses = false;
  if (!there) return;
  switch (event.kind) {
    case EventKind::announce: return told(machine, event.other, Term(event.number));
    case EventKind::request: return request(machine, Term(event.number));
    case EventKind::connection_lost: return reconnect(machine, event.other);
    default: break;
  }
  if (machine.process.node == nullptr) return;
  switch (event.kind) {
    case EventKind::tick:
      if (machine.process.tick_due != event.local) return;  // an earlier one was planned since
      machine.process.tick_due = Instant::forever();
      return step(machine, core::Tick{});
    case EventKind::durable:
      machine.process.durable = core::WriteNumber(event.number);
      return step(machine, core::Durable{machine.process.durable});
    case EventKind::disk_failed: return disk_failed(machine, event.other);
    case EventKind::disk_works:
      step(machine, core::DiskFailed{});
      return step(machine, core::DiskWorks{});
    case EventKind::apply: return apply_piece(machine);
    case EventKind::snapshot: return take_snapshot(machine);
    case EventKind::heartbeat: return hear(machine, event.other, event.number);
    case EventKind::connection_refused:
      note(machine, fmt::format("connection refused by {}", machines_[event.other].id));
      return step(machine, core::ConnectionRefused{machines_[event.other].id, event.local});
    case EventKind::announced: return announced(machine, event.other, Term(event.number));
    case EventKind::announce_over: {
      const Term term(event.number);
      if (machine.process.announcing != term) return;
      return step(machine, core::TermAnnounced{term});
    }
    case EventKind::propose: return propose(machine, event.other, event.number);
    case EventKind::ask: return answer(machine, LogIndex(event.number));
    default: TANDEM_ASSERT(false);
  }
}

void World::run(SimTime length) {
  establish();
  while (now_ < length) {
    faults_on_ = true;
    plan_fault();
    pass(std::min(length, now_ + between(20s, 200s)));
    calm_down();
    must_heal();
    pass(now_ + between(0s, 5s));
  }
}

void World::run_quietly(SimTime length) { pass(now_ + length); }

void World::establish() { must_heal(); }

void World::must_heal() {
  const SimTime began = now_;
  const auto acknowledged_before = checker_.acknowledged_count();
  // A primary whose clock stood still may take itself for the one that serves a while longer.
  while (checker_.distrusts_clocks(now_) || !ailment().empty() ||
         checker_.acknowledged_count() == acknowledged_before) {
    if (now_ - began > healing_max + 20 * timing_.election_timeout) {
      throw Violation(fmt::format("the cluster has not healed {} ms after the faults stopped: {}",
                                  to_ms(now_ - began), ailment()));
    }
    pass(now_ + look_every);
  }
  ++statistics_.healings;
  statistics_.longest_healing = std::max(statistics_.longest_healing, now_ - began);
  for (const auto& machine : machines_) {
    checker_.bounded(machine, now_);
    if (machine.is_primary()) checker_.holds_acknowledged(machine.process.state);
  }
}

// One primary serves, every master votes, every voter is up to date, and one loss can be survived.
std::string World::ailment() const {
  const Machine* leader = nullptr;
  for (const auto& machine : machines_) {
    if (!machine.is_primary()) continue;
    if (leader != nullptr) return fmt::format("{} and {} both lead", leader->id, machine.id);
    if (!machine.would_serve(now_)) return fmt::format("{} leads but does not serve", machine.id);
    leader = &machine;
  }
  if (leader == nullptr) return "nobody leads";
  if (!leader->process.to_apply.empty()) {
    return fmt::format("{} has not applied what was committed", leader->id);
  }
  const auto& node = *leader->process.node;
  const auto& configuration = node.configuration();
  for (const auto& machine : machines_) {
    const bool votes = configuration.contains(machine.member());
    if (!machine.is_master) continue;
    if (belongs(machine) && !votes) return fmt::format("{} does not vote", machine.id);
    if (!belongs(machine) && votes) return fmt::format("{} still votes", machine.id);
    if (!belongs(machine) && !is_led(machine, *leader)) {
      return fmt::format("{} was removed, and does not know who leads", machine.id);
    }
  }
  for (const auto& voter : configuration.voters) {
    const Machine& machine = machines_[find(voter.id.node.name())];
    if (machine.incarnation != voter.id.incarnation) {
      return fmt::format("a disk that {} has lost still votes", machine.id);
    }
    if (node.match_index(voter.id).value() + 20 < node.log().last_index().value()) {
      return fmt::format("{} lags behind", machine.id);
    }
  }
  if (node.is_alone()) return fmt::format("{} is alone", leader->id);
  const auto masters = configuration.count(core::VoterKind::master);
  const std::size_t nodes_min =
      profile_.witnesses && masters > 1 ? 3 : std::min<std::size_t>(masters, 2);
  if (profile_.spare_masters == 0 && masters < 2) return "there are too few masters";
  if (profile_.grants && !has_everybody_serve()) return "not every master serves";
  return configuration.nodes() < nodes_min ? "too few vote" : "";
}

// One that has been a member, and knows the leader for a master: it says hello to those. A term of
// its own that is higher it keeps until the next election.
bool World::is_led(const Machine& removed, const Machine& leader) const {
  if (!removed.runs()) return true;
  const auto& node = *removed.process.node;
  const bool was_member = node.hard_state().cluster.value() != 0 && !node.configuration().empty();
  const bool founder = std::count(founders_.begin(), founders_.end(), leader.index) > 0;
  const bool knows_leader = removed.process.state.masters().contains(leader.index) ||
                            node.configuration().current(leader.id) != nullptr ||
                            (founder && !removed.joins);
  if (!was_member || !knows_leader || node.term() > leader.process.node->term()) return true;
  return node.primary().node == leader.id && !node.configuration().contains(removed.member());
}

std::uint32_t World::find(std::string_view name) const {
  for (const auto& machine : machines_) {
    if (machine.id.name() == name) return machine.index;
  }
  TANDEM_ASSERT(false);
  return 0;
}

std::uint32_t World::primary() const {
  for (const auto& machine : machines_) {
    if (machine.is_primary() && machine.would_serve(now_)) return machine.index;
  }
  throw Violation("no primary serves");
}

std::uint32_t World::standby() const {
  for (const auto& machine : machines_) {
    if (machine.is_master && machine.runs() && !machine.is_primary()) return machine.index;
  }
  throw Violation("no standby");
}

std::uint32_t World::witness() const {
  for (const auto& voter : machines_[primary()].process.node->configuration().voters) {
    if (voter.kind == core::VoterKind::witness) return find(voter.id.node.name());
  }
  throw Violation("no witness");
}

// Nothing happens when a lease runs out, which is why the trace must say it.
void World::note_lapses() {
  for (auto& machine : machines_) {
    auto& process = machine.process;
    const bool serves =
        process.serve_until == Instant::never() || machine.clock.at(now_) < process.serve_until;
    if (!machine.runs() || serves) {
      process.lapse_shown = false;
    } else if (!process.lapse_shown) {
      process.lapse_shown = true;
      const SimTime when = now_ - (machine.clock.at(now_) - process.serve_until);
      trace_.note(when, std::string(machine.id.name()), "the lease has run out: serves no more");
    }
  }
}

void World::note(const Machine& machine, const std::string& what) {
  if (trace_.is_on(now_)) trace_.note(now_, std::string(machine.id.name()), what);
}

}  // namespace tandem::sim
