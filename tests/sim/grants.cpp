// grants.cpp: masters that forward by themselves under a grant, operators who drain workers, and
// when a primary answers them (R11).
#include <algorithm>

#include <fmt/format.h>

#include "tests/sim/world.hpp"

namespace tandem::sim {

namespace {
constexpr Duration pause_max = 1500ms;
}  // namespace

// An operator drains a worker, or lets a drained one serve again.
void World::drain_some() {
  plan(between(0s, pause_max), EventKind::drain, 0);
  auto* leader = who_answers();
  if (leader == nullptr) return;
  const auto& state = leader->process.state;
  if (state.workers().empty()) return;
  auto chosen = state.workers().begin();
  std::advance(chosen, static_cast<std::ptrdiff_t>(random_.below(state.workers().size())));
  const bool is_drained = state.drained().contains(chosen->first);
  propose_own(*leader, is_drained ? StateMachine::undrain(chosen->first)
                                  : StateMachine::drain(chosen->first));
}

void World::note_grant(Machine& machine) {
  Process& process = machine.process;
  if (outputs_.granted_until) {
    if (trace_.is_on(now_) && process.granted_until == Instant::never())
      note(machine, "may forward under a grant");
    process.granted_until = *outputs_.granted_until;
  }
  if (outputs_.granted_until || outputs_.serve_until) checker_.forwarding(machines_, now_);
}

// The state machine has applied something, and the core is told; then the drains that are in force
// by now are answered.
void World::report_applied(Machine& machine) {
  Process& process = machine.process;
  if (machine.is_master && process.applied_reported != process.applied) {
    process.applied_reported = process.applied;
    return step(machine, core::Applied{process.applied});
  }
  answer_drains(machine);
}

// Whatever a primary holds for in force may have been answered, whoever proposed it, and in
// whatever term.
void World::answer_drains(Machine& machine) {
  if (!machine.is_primary()) return machine.process.draining.clear();
  auto& draining = machine.process.draining;
  const LogIndex index = std::min(machine.process.node->in_force(), machine.process.applied);
  if (!checker_.in_force(index)) return;
  while (!draining.empty() && draining.begin()->first <= index) {
    const Duration waited = now_ - draining.begin()->second;
    note(machine, fmt::format("answers the drain with entry {}", draining.begin()->first));
    ++statistics_.drains;
    statistics_.longest_drain = std::max(statistics_.longest_drain, waited);
    draining.erase(draining.begin());
  }
  checker_.forwarding(machines_, now_);
}

// Every master that votes forwards, whether it leads or not.
bool World::has_everybody_serve() const {
  return std::all_of(machines_.begin(), machines_.end(), [&](const Machine& machine) {
    return !machine.is_master || !belongs(machine) || machine.would_forward(now_);
  });
}

}  // namespace tandem::sim
