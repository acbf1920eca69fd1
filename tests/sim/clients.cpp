// clients.cpp: clients that change the cluster's state, repeat what was not answered, and remember
// what was; and that ask masters what the state is.
#include "tests/sim/shell_rules.hpp"
#include "tests/sim/world.hpp"

namespace tandem::sim {

namespace {
constexpr Duration patience = 1s;
constexpr Duration client_pause_max = 1500ms;
}  // namespace

// Sends the next change, or the last one again, perhaps to another master.
void World::act(std::uint32_t index) {
  Client& client = clients_[index];
  plan(between(20ms, client_pause_max), EventKind::client, index);
  ask();
  if (client.waiting && now_ - client.sent < patience) return;
  if (client.waiting) {
    client.target = static_cast<std::uint32_t>(random_.below(master_ids_.size()));
  }
  if (!client.waiting) {
    ++client.sequence;
    client.waiting = true;
  }
  client.sent = now_;
  const Machine& master = machines_[client.target];
  plan(network_->delay(random_), EventKind::propose, client.target, index, client.sequence,
       master.life);
}

void World::propose(Machine& master, std::uint32_t index, std::uint64_t sequence) {
  const core::CommandId id{clients_[index].number, sequence};
  if (!master.is_primary()) {  // it answers with the primary's name
    const auto& primary = master.process.node->primary();
    if (!primary.empty()) clients_[index].target = find(primary.node.name());
    return;
  }
  if (master.process.waiting.size() < 4096) {
    master.process.waiting[id] = {index, master.process.node->term()};
  }
  step(master, core::Propose{id, "change"});
}

void World::acknowledge(std::uint32_t index, std::uint64_t sequence) {
  Client& client = clients_[index];
  if (!client.waiting || client.sequence != sequence) return;
  checker_.acknowledged(client.number, sequence);
  client.waiting = false;
}

// Any master is asked. What the client knew when it asked must be in the answer.
void World::ask() {
  const auto target = static_cast<std::uint32_t>(random_.below(master_ids_.size()));
  plan(network_->delay(random_), EventKind::ask, target, 0, checker_.known().value(),
       machines_[target].life);
}

// As the programs do it: only a primary answers, whose lease holds at this moment, and which has
// applied its own first entry.
void World::answer(const Machine& master, LogIndex known_before) {
  if (!master.is_primary()) return;
  if (shell_rules.answers_under_lease && !master.would_serve(now_)) return;
  if (shell_rules.answers_when_applied && !master.has_caught_up()) return;
  ++statistics_.answers;
  checker_.answers(master, known_before, now_);
  plan(network_->delay(random_), EventKind::answered, master.index, 0,
       master.process.applied.value());
}

}  // namespace tandem::sim
