// nemesis.cpp: what goes wrong, and how it is put right again.
//
// Faults overlap freely, within what the protocol promises to survive: no more disks are lost at a
// time than the voters can spare, for no protocol survives that.
#include <algorithm>

#include <fmt/format.h>

#include "common/base/duration.hpp"
#include "tests/sim/world.hpp"

namespace tandem::sim {

namespace {
constexpr std::size_t faults_at_once_max = 5;
}  // namespace

Duration World::between(Duration shortest, Duration longest) {
  return shortest + random_.up_to(longest - shortest);
}

std::uint32_t World::any_machine() {
  // Masters are hit more often than there are of them: most of the protocol happens there.
  if (random_.below(2) == 0) return static_cast<std::uint32_t>(random_.below(master_ids_.size()));
  return static_cast<std::uint32_t>(random_.below(machines_.size()));
}

void World::plan_fault() {
  const auto mean = static_cast<std::uint64_t>(profile_.mean_gap.count());
  plan(Duration(static_cast<Duration::rep>(random_.below(2 * mean))), EventKind::fault, 0);
}

void World::inject() {
  if (!faults_on_) return;
  plan_fault();
  unsigned total = 0;
  for (const auto weight : profile_.weights) total += weight;
  if (total == 0 || faults_.size() >= faults_at_once_max) return;
  auto choice = random_.below(total);
  std::size_t kind = 0;
  while (choice >= profile_.weights[kind]) choice -= profile_.weights[kind++];
  begin({.number = ++fault_numbers_,
         .kind = static_cast<FaultKind>(kind),
         .machine = any_machine(),
         .cuts = {}});
}

// The worst moments for a primary to go are just after its election, with its first entries on
// their way, and just after it has changed who votes.
void World::ambush(std::uint32_t machine) {
  if (!faults_on_ || faults_.size() >= faults_at_once_max) return;
  auto kind = random_.below(3) == 0 ? FaultKind::power_loss : FaultKind::isolate;
  if (!profile_.witnesses) kind = FaultKind::kill;  // a pair cannot bear what nobody notices
  begin({.number = ++fault_numbers_, .kind = kind, .machine = machine, .cuts = {}});
}

void World::begin(Fault fault) {
  if (trace_.is_on(now_))
    note(machines_[fault.machine], fmt::format("*** {}", to_string(fault.kind)));
  if (!inject(fault.kind, fault)) return note(machines_[fault.machine], "*** ... not possible now");
  ++statistics_.faults[static_cast<std::size_t>(fault.kind)];
  faults_.push_back(fault);
  const bool is_short = random_.below(3) == 0;
  Duration lasts = is_short ? between(1ms, timing_.election_timeout) : between(100ms, 15s);
  if (fault.kind == FaultKind::worker_leaves) lasts = between(62s, 90s);
  plan(lasts, EventKind::fault_over, 0, 0, fault.number);
}

bool World::inject(FaultKind kind, Fault& fault) {
  Machine& machine = machines_[fault.machine];
  switch (kind) {
    case FaultKind::kill: stop(machine, true); return true;
    case FaultKind::power_loss: stop(machine, false); return true;
    case FaultKind::freeze:
    case FaultKind::clock_stall: freeze(machine); return true;
    case FaultKind::cut: {
      const auto other = static_cast<std::uint32_t>(random_.below(machines_.size()));
      if (other == machine.index) return false;
      cut_both(fault, machine.index, other);
      return true;
    }
    case FaultKind::cut_one_way: {
      const auto other = static_cast<std::uint32_t>(random_.below(machines_.size()));
      if (other == machine.index) return false;
      random_.below(2) == 0 ? cut_one(fault, machine.index, other)
                            : cut_one(fault, other, machine.index);
      return true;
    }
    case FaultKind::isolate: isolate(fault, machine.index); return true;
    case FaultKind::split: {
      std::vector<bool> side(machines_.size());
      for (std::size_t i = 0; i < side.size(); ++i) side[i] = random_.below(2) == 0;
      for (std::uint32_t a = 0; a < side.size(); ++a) {
        for (std::uint32_t b = a + 1; b < side.size(); ++b) {
          if (side[a] != side[b]) cut_both(fault, a, b);
        }
      }
      return true;
    }
    case FaultKind::loss:
      network_->weather.lost_per_million = 10'000 + random_.below(300'000);
      network_->weather.repeated_per_million = random_.below(300'000);
      return true;
    case FaultKind::delay:
      network_->weather.spread = between(1ms, timing_.election_timeout);
      return true;
    case FaultKind::replay:
      for (const auto& old : old_messages_) {
        if (random_.below(2) == 0)
          transmit(find(old.from.node.name()), find(old.to.node.name()), old);
      }
      return true;
    case FaultKind::slow_disk: {
      const Duration base = between(1ms, timing_.election_timeout / 2);
      machine.disk.set_latency(base, base);
      return true;
    }
    case FaultKind::full_disk:
      if (!machine.up || machine.disk_refuses || machine.process.node == nullptr) return false;
      refuse_writes(machine);
      return true;
    case FaultKind::lost_disk:
      if (!may_lose_disk(machine)) return false;
      stop(machine, random_.below(2) == 0);
      lose_disk(machine);
      return true;
    case FaultKind::clock_rate:
      machine.clock.set_rate(now_, static_cast<std::int64_t>(random_.below(40'001)) - 20'000);
      replan_tick(machine);
      return true;
    case FaultKind::clock_jump:
      checker_.distrust_clocks_until(now_ + 3 * timing_.election_timeout);
      machine.clock.jump_ahead(now_, between(1ms, 3s));
      replan_tick(machine);
      return true;
    case FaultKind::worker_leaves:
    case FaultKind::mass_reboot:
    case FaultKind::all_restart: {
      const bool masters_too = kind == FaultKind::all_restart;
      bool any = false;
      for (auto& other : machines_) {
        const bool hit = kind == FaultKind::worker_leaves ? other.index == fault.machine : true;
        if ((other.is_master && !masters_too) || !hit || !other.up) continue;
        stop(other, random_.below(2) == 0);
        if (kind != FaultKind::worker_leaves)
          plan(between(1ms, 10s), EventKind::restart, other.index);
        any = true;
      }
      return any;
    }
    case FaultKind::handover:
      for (auto& master : machines_) {
        if (master.is_primary() && master.runs()) step(master, core::HandOver{});
      }
      return true;
    case FaultKind::count: break;
  }
  TANDEM_ASSERT(false);
  return false;
}

void World::end_fault(std::uint64_t number) {
  const auto found = std::find_if(faults_.begin(), faults_.end(),
                                  [&](const Fault& fault) { return fault.number == number; });
  if (found == faults_.end()) return;
  Fault fault = std::move(*found);
  faults_.erase(found);
  undo(fault);
}

void World::undo(Fault& fault) {
  Machine& machine = machines_[fault.machine];
  if (trace_.is_on(now_)) note(machine, fmt::format("*** {} ends", to_string(fault.kind)));
  for (const auto& [from, to] : fault.cuts) network_->mend(from, to);
  switch (fault.kind) {
    case FaultKind::kill:
    case FaultKind::power_loss:
    case FaultKind::lost_disk:
    case FaultKind::worker_leaves: return start(machine.index);
    case FaultKind::clock_stall: {
      if (!machine.frozen) return;
      const Duration stood = now_ - machine.frozen_since;
      checker_.distrust_clocks_until(now_ + stood + 3 * timing_.election_timeout);
      machine.clock.stood_still(now_, stood);
      return thaw(machine);
    }
    case FaultKind::freeze: return thaw(machine);
    case FaultKind::loss:
      network_->weather.lost_per_million = network_->weather.repeated_per_million = 0;
      return;
    case FaultKind::delay: network_->weather.spread = Weather{}.spread; return;
    case FaultKind::slow_disk: machine.disk.set_latency(200us, 800us); return;
    case FaultKind::full_disk: return plan(random_.up_to(1s), EventKind::disk_works, machine.index);
    default: return;
  }
}

// Faults stop, and everything that is down comes back.
void World::calm_down() {
  faults_on_ = false;
  for (auto& fault : std::exchange(faults_, {})) undo(fault);
  old_messages_.clear();
  for (auto& machine : machines_) {
    thaw(machine);
    start(machine.index);
  }
}

void World::cut_one(Fault& fault, std::uint32_t from, std::uint32_t to) {
  network_->cut(from, to);
  fault.cuts.emplace_back(from, to);
}

void World::cut_both(Fault& fault, std::uint32_t a, std::uint32_t b) {
  cut_one(fault, a, b);
  cut_one(fault, b, a);
}

// Cuts it off from all others, or from all but one.
void World::isolate(Fault& fault, std::uint32_t machine) {
  const auto spared = static_cast<std::uint32_t>(random_.below(2 * machines_.size()));
  for (std::uint32_t other = 0; other < machines_.size(); ++other) {
    if (other != machine && other != spared) cut_both(fault, machine, other);
  }
}

void World::stop(Machine& machine, bool says_so) {
  if (!machine.up) return;
  machine.up = false;
  machine.ended = now_;
  machine.frozen = false;
  for (const auto& event : std::exchange(machine.inbox, {})) {
    if (event.kind == EventKind::disk_works) machine.disk_refuses = false;
  }
  machine.process = Process{};
  machine.disk.crash(random_);
  if (says_so) reset_connections(machine.index);
}

void World::start(std::uint32_t index) {
  Machine& machine = machines_[index];
  if (machine.up) return;
  if (machine.joins && cluster_id().value() == 0) {  // it asks again and again
    return plan(1s, EventKind::restart, index);
  }
  // No log opens on a full disk; whoever watches over the program starts it again.
  if (machine.disk_refuses) return plan(1s, EventKind::restart, index);
  note(machine, "starts");
  if (!machine.is_master) checker_.worker_restarted(machine);
  boot(machine);
}

void World::freeze(Machine& machine) {
  if (!machine.runs()) return;
  machine.frozen = true;
  machine.frozen_since = machine.ended = now_;
}

// Everything that reached the process meanwhile reaches it now. A request that was waiting may be
// served before the core has seen any of it, so what the data plane would do is checked first.
void World::thaw(Machine& machine) {
  if (!machine.frozen) return;
  machine.frozen = false;
  checker_.serving(machines_, now_);
  if (profile_.grants) checker_.forwarding(machines_, now_);
  for (const auto& event : std::exchange(machine.inbox, {})) at_machine(event, machine);
  replan_tick(machine);  // its clock may have been moved while it could not plan anything
}

// The clock was moved: what was planned by it is planned anew.
void World::replan_tick(Machine& machine) {
  machine.process.tick_due = Instant::forever();
  if (machine.runs() && machine.process.node != nullptr) plan_tick(machine);
}

// A lost disk is a voter lost for good, until its node is admitted again, and so is a master that
// is removed. One is lost at a time: all masters that belong vote with the disks they have, and so
// does everyone in the newest configuration, wherever it is known; no other master votes.
bool World::may_lose_disk(const Machine& machine) const {
  if (!machine.has_state_directory || now_ < master_goes_until_) return false;
  const auto is_whole = [&](const core::Configuration& configuration) {
    if (configuration.nodes() < 3 || configuration.count(core::VoterKind::master) < 2) return false;
    const bool masters_vote =
        std::all_of(machines_.begin(), machines_.end(), [&](const Machine& other) {
          return !other.is_master || !belongs(other) || configuration.contains(other.member());
        });
    return masters_vote && std::all_of(configuration.voters.begin(), configuration.voters.end(),
                                       [&](const core::Voter& voter) {
                                         const auto& other = machines_[find(voter.id.node.name())];
                                         return other.incarnation == voter.id.incarnation &&
                                                (!other.is_master || belongs(other));
                                       });
  };
  return std::all_of(machines_.begin(), machines_.end(), [&](const Machine& other) {
    const bool is_outside = !other.is_master || !belongs(other);
    if (other.process.node != nullptr) {
      const auto& configuration = other.process.node->configuration();
      if (!(configuration.empty() && is_outside) && !is_whole(configuration)) return false;
    }
    // What is not on its disk yet may be forgotten.
    const auto& stored = other.disk.stored();
    if (stored.hard_state.cluster.value() == 0) return is_outside;
    return is_whole(
        core::Log(stored.snapshot == nullptr ? core::Snapshot{} : *stored.snapshot, stored.entries)
            .configuration());
  });
}

void World::lose_disk(Machine& machine) {
  machine.disk.wipe();
  // A lone founder would found a cluster again.
  if (machine.is_master && founders_.size() == 1) machine.joins = true;
  machine.incarnation = core::IncarnationId((random_.next() >> 11) + 1);
}

// ---- by hand, for stories
// ------------------------------------------------------------------------------------

void World::kill(std::uint32_t machine, bool says_so) {
  note(machines_[machine], says_so ? "*** is killed" : "*** loses power");
  stop(machines_[machine], says_so);
}

void World::cut_off(std::uint32_t machine, std::optional<std::uint32_t> but_for) {
  note(machines_[machine], "*** is cut off");
  Fault fault{
      .number = ++fault_numbers_, .kind = FaultKind::isolate, .machine = machine, .cuts = {}};
  for (std::uint32_t other = 0; other < machines_.size(); ++other) {
    if (other != machine && other != but_for) cut_both(fault, machine, other);
  }
  faults_.push_back(fault);
}

void World::mend_all() {
  for (auto& fault : std::exchange(faults_, {})) undo(fault);
}

}  // namespace tandem::sim
