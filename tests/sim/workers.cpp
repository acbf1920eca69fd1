// workers.cpp: registration, heartbeats and forwarded requests, as far as they touch the failover.
#include <fmt/format.h>

#include "tests/sim/hash.hpp"
#include "tests/sim/world.hpp"

namespace tandem::sim {

namespace {
constexpr Duration beat_every = 1s;
constexpr Duration down_after = 3s;
constexpr Duration forgotten_after = 60s;  // shorter than in earnest, so that it happens often
constexpr std::uint64_t first_own_client = 1'000;
}  // namespace

// A worker's heartbeats reach the masters one by one.
void World::beat(Machine& worker) {
  plan(beat_every, EventKind::beat, worker.index);
  if (!worker.runs()) return;
  const std::uint64_t incarnation = worker.has_state_directory ? worker.incarnation.value() : 0;
  for (const auto& master : machines_) {
    if (!master.is_master || !network_->is_open_both_ways(worker.index, master.index)) continue;
    const Duration late = random_.below(4) == 0 ? between(0s, 900ms) : network_->delay(random_);
    plan(late, EventKind::heartbeat, master.index, worker.index, incarnation);
  }
}

// The primary registers new workers.
void World::hear(Machine& master, std::uint32_t worker, std::uint64_t incarnation) {
  master.process.heard[worker] = now_;
  const Term promised = machines_[worker].process.fence.promised();
  if (promised > master.process.node->term()) step(master, core::TermReported{promised});
  if (!master.has_caught_up()) return;
  const auto& registered = master.process.state.workers();
  const auto known = registered.find(worker);
  if (known == registered.end() || known->second != incarnation) {
    propose_own(master, StateMachine::join(worker, incarnation));
  }
}

void World::propose_own(Machine& master, std::string change) {
  step(master,
       core::Propose{{first_own_client + master.index, ++master.proposals}, std::move(change)});
}

void World::scan(Machine& master) {
  plan(beat_every, EventKind::scan, master.index);
  if (!master.runs()) return;
  forget_absent(master);
  tend_masters(master);
  report_registered(master);
  const bool granted = profile_.grants && !master.is_primary() && master.would_forward(now_);
  if (granted) ++statistics_.granted_requests;
  if (!master.is_primary()) return;
  const auto& registered = master.process.state.workers();
  if (registered.empty() || !master.would_serve(now_)) return;
  auto chosen = registered.begin();
  std::advance(chosen, static_cast<std::ptrdiff_t>(random_.below(registered.size())));
  const auto worker = chosen->first;
  ++statistics_.requests;
  if (!network_->is_open(master.index, worker)) return;
  const Duration late = random_.below(8) == 0 ? between(0s, 3s) : network_->delay(random_);
  plan(late, EventKind::request, worker, master.index, master.process.node->term().value(),
       machines_[worker].life);
}

// Workers that were silent for so long, counted from when this primary had caught up.
void World::forget_absent(Machine& master) {
  if (!master.has_caught_up()) return;
  Process& process = master.process;
  if (process.counts_absent_in != process.node->term()) {
    process.counts_absent_in = process.node->term();
    process.counts_absent_since = now_;
  }
  const auto registered = process.state.workers();
  for (const auto& [worker, incarnation] : registered) {
    const auto heard = std::max(process.heard[worker], process.counts_absent_since);
    if (now_ - heard > forgotten_after && master.is_primary()) {
      propose_own(master, StateMachine::leave(worker));
    }
  }
}

void World::report_registered(Machine& master) {
  core::Registered registered;
  registered.applied = master.process.applied;
  registered.grants = profile_.grants;
  std::uint64_t digest = mix(1, master.has_caught_up() ? master.process.node->term().value() : 0);
  for (const auto& [worker, incarnation] : master.process.state.workers()) {
    if (incarnation == 0) continue;
    const bool live = now_ - master.process.heard[worker] < down_after;
    digest = mix(digest, worker << 1 ^ static_cast<unsigned>(live), incarnation);
    registered.candidates.push_back(
        {{machines_[worker].id, core::IncarnationId(incarnation)}, machines_[worker].host, live});
  }
  for (const auto& [index, replaces] : master.process.state.masters()) {
    digest = mix(digest, index, replaces ? *replaces + 1 : 0);
    registered.masters.push_back(
        {machines_[index].id, replaces ? machines_[*replaces].id : core::NodeId{}});
  }
  if (digest == master.process.registered_digest) return;
  master.process.registered_digest = digest;
  for (const auto& other : machines_) {
    if (other.is_master) registered.master_hosts.push_back(other.host);
  }
  step(master, std::move(registered));
}

// Before it forwards, a new primary tells every worker that it has heard of lately its term (R10).
void World::announce(Machine& master, Term term) {
  master.process.announcing = term;
  master.process.untold.clear();
  for (const auto& [worker, heard] : master.process.heard) {
    if (now_ - heard > down_after) continue;
    master.process.untold.insert(worker);
    if (!network_->is_open(master.index, worker)) continue;
    plan(network_->delay(random_), EventKind::announce, worker, master.index, term.value(),
         machines_[worker].life);
  }
  const Duration patience = master.process.untold.empty() ? Duration::zero() : timing_.lease();
  plan(patience, EventKind::announce_over, master.index, 0, term.value(), master.life);
}

void World::told(Machine& worker, std::uint32_t master, Term term) {
  if (!worker.process.fence.admit(term)) return;
  checker_.accepted_by_worker(worker, term);
  if (!network_->is_open(worker.index, master)) return;
  plan(network_->delay(random_), EventKind::announced, master, worker.index, term.value(),
       machines_[master].life);
}

void World::announced(Machine& master, std::uint32_t worker, Term term) {
  if (master.process.announcing != term || master.process.untold.erase(worker) == 0) return;
  if (!master.process.untold.empty()) return;
  note(master, fmt::format("every worker knows term {}", term));
  step(master, core::TermAnnounced{term});
}

void World::request(Machine& worker, Term term) {
  if (!worker.process.fence.admit(term)) {
    ++statistics_.refused_requests;
    return note(worker, fmt::format("refuses a request of term {}", term));
  }
  checker_.accepted_by_worker(worker, term);
}

}  // namespace tandem::sim
