// shell.cpp: what the programs around the core do with its outputs.
#include <algorithm>

#include <fmt/format.h>

#include "common/base/duration.hpp"
#include "tests/sim/hash.hpp"
#include "tests/sim/world.hpp"

namespace tandem::sim {

void World::boot(Machine& machine) {
  TANDEM_ASSERT(!machine.up);
  machine.process = Process{};
  machine.inbox.clear();
  ++machine.life;
  machine.up = true;
  machine.frozen = false;
  if (!machine.is_master && !machine.has_state_directory) return;
  core::Options options;
  options.self = machine.member();
  options.kind = machine.is_master ? core::VoterKind::master : core::VoterKind::witness;
  if (machine.is_master) options.masters = masters_told(machine);
  if (machine.joins) options.joins = cluster_id();
  options.pair_failover = profile_.pair_failover;
  options.timing = timing_;
  if (machine.is_master) options.reach_interval = 2 * timing_.election_timeout;
  options.append_entries_max = append_entries_max_;
  options.log_entries_max = log_entries_max_;
  const auto& stored = machine.disk.stored();
  machine.process.node =
      std::make_unique<core::Node>(options, stored, random_.next(), machine.clock.at(now_));
  if (stored.snapshot != nullptr) {
    machine.process.state = StateMachine::from_bytes(stored.snapshot->bytes);
    machine.process.applied = stored.snapshot->index;
    machine.process.applied_term = stored.snapshot->term;
  }
  plan_tick(machine);
  if (!machine.is_master) return;
  machine.process.apply_max = how_long_applying_takes();
  report_registered(machine);
}

void World::step(Machine& machine, core::Input input) {
  TANDEM_ASSERT(machine.runs());
  const auto* message = std::get_if<core::Message>(&input);
  const bool outsider = message != nullptr && is_outsider(*message, machine);
  const Term term_before = machine.process.node->term();
  machine.process.node->step(machine.clock.at(now_), std::move(input), outputs_);
  if (outsider && machine.process.node->term() != term_before) {
    throw Violation(
        fmt::format("{} gave up term {} for one that does not vote", machine.id, term_before));
  }
  carry_out(machine);
  plan_tick(machine);
  if (profile_.grants) report_applied(machine);
}

// Whether the sender is no voter and is not to become one, by what the receiver knows and by what
// was committed, while the primary's lease or the promise to it holds.
bool World::is_outsider(const core::Message& message, const Machine& receiver) const {
  const auto& node = *receiver.process.node;
  const auto& sender = machines_[find(message.from.node.name())];
  if (!sender.is_master || belongs(sender) || node.configuration().empty()) return false;
  if (node.configuration().contains(message.from) || node.is_joining(message.from)) return false;
  const bool is_led = !node.primary().empty() && node.primary() != message.from &&
                      node.promised_until() > receiver.clock.at(now_);
  return node.role() == core::Role::primary ? receiver.would_serve(now_) : is_led;
}

void World::carry_out(Machine& machine) {
  Process& process = machine.process;
  if (outputs_.write) {
    checker_.writing(machine, *outputs_.write, machines_, now_);
    const auto& appended = outputs_.write->append;
    const bool changes_voters =
        machine.is_primary() &&
        std::any_of(appended.begin(), appended.end(), [](const auto& entry) {
          return std::holds_alternative<core::Configuration>(entry.body);
        });
    if (changes_voters) hit_change_of_voters(machine);
    const auto number = outputs_.write->number.value();
    if (!machine.disk_refuses) {  // else it is lost, and the process will hear of that
      const SimTime done = machine.disk.write(std::move(*outputs_.write), now_, random_);
      plan(done - now_, EventKind::disk, machine.index, machine.refusals, number, machine.life);
    }
  }
  for (auto held = process.held.begin(); held != process.held.end();) {
    if (held->after > process.durable) {
      ++held;
      continue;
    }
    send(machine, std::move(held->message));
    held = process.held.erase(held);
  }
  for (auto& outbound : outputs_.messages) {
    if (outbound.after > process.durable) {
      process.held.push_back(std::move(outbound));
    } else {
      send(machine, std::move(outbound.message));
    }
  }
  if (outputs_.role) became(machine, *outputs_.role);
  if (outputs_.serve_until) {
    const bool longer = *outputs_.serve_until > process.serve_until;
    if (trace_.is_on(now_)) {
      if (process.serve_until == Instant::never()) note(machine, "may serve");
      if (*outputs_.serve_until == Instant::never()) note(machine, "stops serving");
    }
    process.serve_until = *outputs_.serve_until;
    if (longer) checker_.serving(machines_, now_);
  }
  if (profile_.grants) note_grant(machine);
  if (outputs_.announce) announce(machine, *outputs_.announce);
  if (outputs_.restore != nullptr) process.to_apply.emplace_back(outputs_.restore);
  for (auto& entry : outputs_.apply) {
    checker_.committed(machine, entry);
    if (trace_.is_on(now_)) note(machine, "commits " + core::describe(entry));
    process.to_apply.emplace_back(std::move(entry));
  }
  if (!outputs_.apply.empty() && machine.is_primary()) checker_.counted(machine);
  apply_later(machine);
  if (outputs_.snapshot_wanted && !process.snapshot_planned) {
    process.snapshot_planned = true;
    plan(between(1ms, 20ms), EventKind::snapshot, machine.index, 0, 0, machine.life);
  }
}

void World::became(Machine& machine, const core::RoleChange& change) {
  digest_ = mix(digest_, machine.index,
                change.term.value() << 2 ^ static_cast<std::uint64_t>(change.role));
  if (trace_.is_on(now_)) {
    note(machine,
         fmt::format(
             "{} term {}{}", to_string(change.role), change.term,
             change.primary.empty() ? "" : fmt::format(", primary {}", change.primary.node)));
  }
  if (change.role != core::Role::primary) return;
  machine.process.registered_digest = 0;
  checker_.elected(machine, change.term);
  for (const auto& other : machines_) {  // links to silent peers are tried again and again
    if (other.is_master && !other.up) try_to_connect(machine, other.index);
  }
  maybe_ambush(machine, 3 * network_->delay(random_));
}

// Before it is on anybody's disk, or a little later.
void World::hit_change_of_voters(const Machine& primary) {
  const Duration within = random_.below(2) == 0 ? 1ms : 20ms;
  if (profile_.spare_masters > 0 && random_.below(2) == 0) {
    plan(random_.up_to(within), EventKind::clear_away, primary.index);
  }
  maybe_ambush(primary, within);
}

void World::maybe_ambush(const Machine& machine, Duration within) {
  if (!faults_on_ || random_.below(100) >= profile_.ambush_percent) return;
  plan(random_.up_to(within), EventKind::ambush, machine.index);
}

// Most state machines keep up, some are slow, some are seconds behind.
Duration World::how_long_applying_takes() {
  switch (random_.below(4)) {
    case 0: return 3s;
    case 1: return 50ms;
    default: return Duration::zero();
  }
}

void World::apply_later(Machine& machine) {
  Process& process = machine.process;
  if (process.apply_planned || process.to_apply.empty()) return;
  if (!faults_on_ || process.apply_max == Duration::zero()) {
    return apply(machine, process.to_apply.size());
  }
  process.apply_planned = true;
  plan(random_.up_to(process.apply_max), EventKind::apply, machine.index, 0, 0, machine.life);
}

void World::apply_piece(Machine& machine) {
  Process& process = machine.process;
  process.apply_planned = false;
  const bool whole = !faults_on_ || random_.below(2) == 0;
  const auto waiting = process.to_apply.size();
  apply(machine, whole ? waiting : std::min<std::size_t>(waiting, 1 + random_.below(16)));
  apply_later(machine);
  if (profile_.grants) report_applied(machine);
}

void World::apply(Machine& machine, std::size_t count) {
  Process& process = machine.process;
  for (; count > 0; --count) {
    const auto next = std::move(process.to_apply.front());
    process.to_apply.pop_front();
    if (const auto* snapshot = std::get_if<core::SnapshotPointer>(&next)) {
      process.state = StateMachine::from_bytes((*snapshot)->bytes);
      process.applied = (*snapshot)->index;
      process.applied_term = (*snapshot)->term;
      checker_.restored(machine, **snapshot);
      note(machine, fmt::format("restores the snapshot up to {}", process.applied));
    } else {
      apply(machine, std::get<core::Entry>(next));
    }
  }
}

void World::apply(Machine& machine, const core::Entry& entry) {
  Process& process = machine.process;
  TANDEM_ASSERT(entry.index == process.applied.next());
  process.applied = entry.index;
  process.applied_term = entry.term;
  process.state.apply(entry);
  checker_.applied(machine, entry);
  digest_ = mix(digest_, entry.index.value(), entry.term.value());
  const auto* command = std::get_if<core::Command>(&entry.body);
  if (command == nullptr) return;
  if (command->bytes.starts_with("drain ") && machine.is_primary()) {
    process.draining[entry.index] = now_;
  }
  const auto waiting = process.waiting.find(command->id);
  if (waiting == process.waiting.end() || waiting->second.proposed_in != entry.term) return;
  plan(network_->delay(random_), EventKind::acknowledge, waiting->second.client, 0,
       command->id.sequence);
  process.waiting.erase(waiting);
}

void World::take_snapshot(Machine& machine) {
  Process& process = machine.process;
  process.snapshot_planned = false;
  // A state that is about to be replaced may be one that the log does not lead to any more.
  const bool will_be_replaced = std::any_of(
      process.to_apply.begin(), process.to_apply.end(),
      [](const auto& next) { return std::holds_alternative<core::SnapshotPointer>(next); });
  if (will_be_replaced) return;
  if (process.applied <= process.node->log().snapshot_index()) return;
  step(machine, core::SnapshotTaken{process.applied, process.state.to_bytes()});
}

void World::plan_tick(Machine& machine) {
  const Instant due = machine.process.node->deadline();
  if (due >= machine.process.tick_due) return;  // the planned tick looks again
  machine.process.tick_due = due;
  const SimTime when = machine.clock.when(due, now_);
  events_.push({.at = when,
                .kind = EventKind::tick,
                .target = machine.index,
                .life = machine.life,
                .local = due});
}

void World::send(Machine& from, core::Message message) {
  checker_.sending(message);
  ++statistics_.messages;
  std::uint32_t to = 0;
  while (to < machines_.size() && machines_[to].id != message.to.node) ++to;
  TANDEM_ASSERT(to < machines_.size());
  if (faults_on_ && random_.below(64) == 0) {
    if (old_messages_.size() < 64) {
      old_messages_.push_back(message);
    } else {
      old_messages_[random_.below(64)] = message;
    }
  }
  if (network_->repeats(random_)) transmit(from.index, to, message);
  transmit(from.index, to, std::move(message));
}

void World::transmit(std::uint32_t from, std::uint32_t to, core::Message message) {
  if (!network_->is_open(from, to) || network_->loses(random_)) {
    if (trace_.is_on(now_) && (trace_.shows_heartbeats() || !is_steady(message))) {
      trace_.message(now_, std::string(machines_[from].id.name()),
                     std::string(machines_[to].id.name()), core::describe(message), true);
    }
    return;
  }
  std::uint64_t place = messages_.size();
  if (free_places_.empty()) {
    messages_.push_back(std::move(message));
  } else {
    place = free_places_.back();
    free_places_.pop_back();
    messages_[place] = std::move(message);
  }
  plan(network_->delay(random_), EventKind::deliver, to, from, place);
}

bool is_steady(const core::Message& message) {
  if (const auto* append = std::get_if<core::Append>(&message.body)) return append->entries.empty();
  const auto* reply = std::get_if<core::AppendReply>(&message.body);
  return reply != nullptr && reply->accepted;
}

void World::deliver(Machine& machine, std::uint64_t place) {
  core::Message message = std::move(messages_[place]);
  free_places_.push_back(place);
  if (!machine.up || machine.process.node == nullptr) return;
  if (trace_.is_on(now_) && (trace_.shows_heartbeats() || !is_steady(message))) {
    trace_.message(now_, std::string(message.from.node.name()), std::string(machine.id.name()),
                   core::describe(message), false);
  }
  step(machine, std::move(message));
}

// What was under way is done in part, and nobody knows how far; later writes are not done at all.
void World::refuse_writes(Machine& machine) {
  machine.disk.crash(random_);
  machine.disk_refuses = true;
  ++machine.refusals;
  plan(random_.up_to(50ms), EventKind::disk_failed, machine.index, machine.refusals);
}

// The program tries again each second, and says each time that it failed.
void World::disk_failed(Machine& machine, std::uint32_t refusal) {
  if (!machine.disk_refuses || refusal != machine.refusals) return;
  machine.process.held.clear();
  step(machine, core::DiskFailed{});
  plan(1s, EventKind::disk_failed, machine.index, refusal);
}

// A process has ended in a way that its peers' connections notice.
void World::reset_connections(std::uint32_t gone) {
  for (const auto& machine : machines_) {
    if (machine.index == gone || !machine.up || machine.process.node == nullptr) continue;
    if (!network_->is_open_both_ways(gone, machine.index)) continue;
    plan(network_->delay(random_), EventKind::connection_lost, machine.index, gone, 0,
         machine.life);
  }
}

// A broken connection is tried again at once. If nobody listens there, the attempt is refused;
// sometimes the news of that comes late.
void World::reconnect(Machine& machine, std::uint32_t other) {
  if (machine.process.node == nullptr) return;
  step(machine, core::ConnectionLost{machines_[other].id});
  try_to_connect(machine, other);
}

void World::try_to_connect(const Machine& machine, std::uint32_t other) {
  if (machines_[other].up || !network_->is_open_both_ways(machine.index, other)) return;
  const Duration late = random_.below(8) == 0 ? between(1ms, 3s) : network_->delay(random_);
  events_.push({.at = now_ + late,
                .kind = EventKind::connection_refused,
                .target = machine.index,
                .other = other,
                .life = machine.life,
                .local = machine.clock.at(now_)});
}

}  // namespace tandem::sim
