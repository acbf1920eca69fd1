#include "tests/sim/checker.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "common/core/limits.hpp"
#include "common/core/rules.hpp"

namespace tandem::sim {

namespace {
constexpr std::size_t kept_terms = 4096;
constexpr std::uint64_t terms_per_second_max = 50;
}  // namespace

void Checker::elected(const Machine& machine, Term term) {
  ++elections_;
  highest_term_ = std::max(highest_term_, term);
  own_first_[machine.index] = machine.process.node->log().last_index();
  const auto [place, fresh] = primaries_.emplace(term, machine.index);
  if (!fresh && place->second != machine.index) {
    throw Violation(fmt::format("two primaries in term {}: {} is the second", term, machine.id));
  }
  if (!fresh) throw Violation(fmt::format("{} was elected twice in term {}", machine.id, term));
  if (primaries_.size() > kept_terms) primaries_.erase(primaries_.begin());
  // Else it could be killed, vote for another in this term, or be elected once more in it.
  const auto& on_disk = machine.disk.stored().hard_state;
  const bool has_vote = on_disk.term == term && on_disk.vote == machine.member();
  if (!has_vote && core::rules.persist_before_reply) {  // without that rule it is no news
    throw Violation(
        fmt::format("{} leads term {} without its own vote on its disk", machine.id, term));
  }
  if (lenient_ || committed_.empty()) return;
  // Elected late, with votes that were long on the way, it may lack what a later term has
  // committed.
  const auto later = std::lower_bound(
      committed_.begin(), committed_.end(), term,
      [](const Committed& entry, Term before) { return entry.committed_in < before; });
  if (later == committed_.begin()) return;
  const LogIndex last(static_cast<std::uint64_t>(later - committed_.begin()));
  const auto& entry = *std::prev(later);
  const auto& log = machine.process.node->log();
  if (log.snapshot_index() < last && log.term_at(last) != entry.term) {
    throw Violation(fmt::format(
        "{} was elected in term {} without entry {} of term {}, which was committed in term {}",
        machine.id, term, last, entry.term, entry.committed_in));
  }
}

void Checker::serving(const std::vector<Machine>& machines, SimTime now) const {
  if (lenient_ || distrusts_clocks(now)) return;
  const Machine* first = nullptr;
  for (const auto& machine : machines) {
    if (!machine.is_master || !machine.would_serve(now)) continue;
    if (first != nullptr) {
      throw Violation(fmt::format("{} (term {}) and {} (term {}) may both serve", first->id,
                                  first->process.node->term(), machine.id,
                                  machine.process.node->term()));
    }
    first = &machine;
  }
}

bool Checker::in_force(LogIndex index) {
  const bool is_news = index > in_force_;
  in_force_ = std::max(in_force_, index);
  return is_news;
}

void Checker::forwarding(const std::vector<Machine>& machines, SimTime now) const {
  if (lenient_ || in_force_ == LogIndex(0) || distrusts_clocks(now)) return;
  for (const auto& machine : machines) {
    if (!machine.is_master || machine.process.applied >= in_force_) continue;
    if (!machine.would_forward(now)) continue;
    throw Violation(fmt::format(
        "{} may forward by the state after entry {}, when drains up to entry {} have been "
        "answered (R11)",
        machine.id, machine.process.applied, in_force_));
  }
}

void Checker::committed(const Machine& machine, const core::Entry& entry) {
  if (lenient_) return;
  const auto place = entry.index.value();
  if (place <= committed_.size()) {
    if (committed_[place - 1].term != entry.term) {
      throw Violation(fmt::format("{} committed entry {} of term {}, others that of term {}",
                                  machine.id, entry.index, entry.term, committed_[place - 1].term));
    }
  } else {
    if (place != committed_.size() + 1)
      throw Violation("an entry was committed before the one before it");
    if (const auto* command = std::get_if<core::Command>(&entry.body)) {
      const auto& id = command->id;
      if (id.sequence > state_.last_of(id.client)) last_change_[id.client] = entry.index;
    }
    state_.apply(entry);
    note_registrations(entry.index);
    note_masters(entry.index);
    const Term before = committed_.empty() ? Term(0) : committed_.back().committed_in;
    committed_.push_back(
        {entry.term, std::max(before, machine.process.node->term()), state_.digest()});
    if (const auto* configuration = std::get_if<core::Configuration>(&entry.body)) {
      configuration_ = *configuration;
    }
  }
}

void Checker::applied(const Machine& machine, const core::Entry& entry) const {
  if (lenient_) return;
  const auto place = entry.index.value();
  TANDEM_ASSERT(place <= committed_.size());
  if (machine.process.state.digest() != committed_[place - 1].state_digest) {
    throw Violation(fmt::format("the state of {} after entry {} differs", machine.id, entry.index));
  }
}

void Checker::counted(const Machine& primary) const {
  const auto& node = *primary.process.node;
  const auto term = node.log().term_at(node.commit_index());
  if (term != node.term()) {
    throw Violation(
        fmt::format("{} counted entry {} as committed in term {}, without one of that term (R5)",
                    primary.id, node.commit_index(), node.term()));
  }
}

void Checker::restored(const Machine& machine, const core::Snapshot& snapshot) {
  if (lenient_) return;
  const auto place = snapshot.index.value();
  const bool known =
      place > 0 && place <= committed_.size() && committed_[place - 1].term == snapshot.term;
  if (!known || machine.process.state.digest() != committed_[place - 1].state_digest) {
    throw Violation(fmt::format("{} restored a snapshot of what was never committed", machine.id));
  }
}

void Checker::writing(const Machine& machine, const core::Write& write,
                      const std::vector<Machine>& machines, SimTime now) {
  const auto& node = *machine.process.node;
  for (const auto& entry : write.append) {
    const auto* configuration = std::get_if<core::Configuration>(&entry.body);
    if (configuration == nullptr) continue;
    for (const auto& voter : configuration->voters) admitted_.insert(voter.id);
    // What is written again because a disk refused it was decided before.
    const bool decided_here = node.role() == core::Role::primary && entry.term == node.term() &&
                              entry.index.value() > committed_.size();
    if (!decided_here || lenient_) continue;
    // A primary that has been deposed, and does not know it yet, commits nothing any more: the
    // voters that committed an entry of a later term meet each majority of its configurations.
    const bool is_deposed = !committed_.empty() && committed_.back().term > node.term();
    if (!is_deposed && !configuration_.empty() &&
        !core::majorities_meet(*configuration, configuration_)) {
      throw Violation(
          fmt::format("{} began to use voters [{}] while [{}] was committed: their majorities "
                      "need not meet (R8)",
                      machine.id, to_string(*configuration), to_string(configuration_)));
    }
    if (node.log().term_at(node.commit_index()) != node.term()) {
      throw Violation(
          fmt::format("{} began a voter change in term {} before an entry of that term was "
                      "committed (R8)",
                      machine.id, node.term()));
    }
    const auto& before = node.log().configuration_at(LogIndex(entry.index.value() - 1));
    for (const auto& voter : before.voters) {
      if (configuration->contains(voter.id) || before.is_superseded(voter)) continue;
      removing(machine, voter, *configuration, machines, now);
    }
    if (!before.empty()) changes_masters(machine, before, *configuration, machines);
  }
}

void Checker::note_registrations(LogIndex index) {
  const auto& workers = state_.workers();
  std::erase_if(registered_, [&](const auto& known) { return !workers.contains(known.first); });
  for (const auto& [worker, incarnation] : workers) {
    auto& known = registered_[worker];
    if (known.since.value() == 0 || known.incarnation != incarnation) known = {incarnation, index};
  }
}

void Checker::note_masters(LogIndex index) {
  const auto& listed = state_.masters();
  for (const auto& [master, replaces] : listed) masters_.try_emplace(master);
  for (auto& [master, known] : masters_) {
    const bool belongs = listed.contains(master);
    const bool replaced =
        std::any_of(listed.begin(), listed.end(),
                    [who = master](const auto& other) { return other.second == who; });
    if (known.belongs != belongs) known.belongs_since = index;
    if (known.stays != (belongs && !replaced)) known.stays_since = index;
    known.belongs = belongs;
    known.stays = belongs && !replaced;
  }
}

void Checker::changes_masters(const Machine& primary, const core::Configuration& before,
                              const core::Configuration& after,
                              const std::vector<Machine>& machines) const {
  const auto own_first = own_first_.at(primary.index);
  for (const auto& machine : machines) {
    if (!machine.is_master || state_.masters().empty()) continue;
    const bool voted = before.current(machine.id) != nullptr;
    const bool votes = after.current(machine.id) != nullptr;
    const auto found = masters_.find(machine.index);
    const auto known = found == masters_.end() ? Belonging{} : found->second;
    if (votes && !voted && !known.belongs && known.belongs_since < own_first) {
      throw Violation(fmt::format("{} admits {}, which did not belong before its election (R8)",
                                  primary.id, machine.id));
    }
    if (voted && !votes && known.stays && known.stays_since < own_first) {
      throw Violation(fmt::format("{} removes {}, which belonged before its election (R8)",
                                  primary.id, machine.id));
    }
  }
}

// Whether it has been registered, with this incarnation, since before that entry.
bool Checker::is_registered(const std::vector<Machine>& machines, const core::MemberId& witness,
                            LogIndex before) const {
  const auto known = std::find_if(registered_.begin(), registered_.end(), [&](const auto& worker) {
    return machines[worker.first].id == witness.node &&
           worker.second.incarnation == witness.incarnation.value();
  });
  return known != registered_.end() && known->second.since < before;
}

void Checker::removing(const Machine& primary, const core::Voter& voter,
                       const core::Configuration& after, const std::vector<Machine>& machines,
                       SimTime now) const {
  const auto own_first = own_first_.at(primary.index);
  const auto known = static_cast<std::size_t>(
      std::count_if(registered_.begin(), registered_.end(), [&](const auto& worker) {
        return worker.second.incarnation != 0 && worker.second.since < own_first;
      }));
  const auto wanted = core::wanted_witnesses(after.count(core::VoterKind::master), known);
  if (is_registered(machines, voter.id, own_first) &&
      after.count(core::VoterKind::witness) < wanted) {
    throw Violation(
        fmt::format("{} removes {}, which was registered before its election and is still (R8)",
                    primary.id, voter.id.node));
  }
  if (distrusts_clocks(now)) return;
  // What the primary has heard may be as old as an election timeout, by its own clock.
  const Duration patience = primary.timing.election_timeout * 21 / 20;
  const auto living =
      std::count_if(after.voters.begin(), after.voters.end(), [&](const core::Voter& other) {
        return std::any_of(machines.begin(), machines.end(), [&](const Machine& machine) {
          if (machine.id != other.id.node) return false;
          const bool lives = machine.runs() && machine.incarnation == other.id.incarnation;
          return lives || now - machine.ended < patience;
        });
      });
  if (static_cast<std::size_t>(living) < after.quorum()) {
    throw Violation(fmt::format("{} removes {}: of [{}] only {} live (R8)", primary.id,
                                voter.id.node, to_string(after), living));
  }
}

void Checker::sending(const core::Message& message) const {
  const auto* reply = std::get_if<core::VoteReply>(&message.body);
  const bool votes = reply != nullptr && reply->granted && reply->ballot == core::Ballot::vote;
  if (votes && admitted_.count(message.from) == 0) {
    throw Violation(fmt::format("{} voted in term {} with a disk that was never admitted (R9)",
                                message.from.node, reply->for_term));
  }
}

void Checker::accepted_by_worker(const Machine& worker, Term term) {
  auto& highest = accepted_[worker.index];
  if (term < highest) {
    throw Violation(
        fmt::format("worker {} served term {} after term {} (R10)", worker.id, term, highest));
  }
  highest = term;
}

void Checker::acknowledged(std::uint64_t client, std::uint64_t sequence) {
  auto& last = acknowledged_[client];
  if (sequence > last) last = sequence;
  ++acknowledged_count_;
  if (!lenient_ && state_.last_of(client) < sequence) {
    throw Violation(
        fmt::format("change {}.{} was acknowledged but never committed", client, sequence));
  }
  // A later change of this client is committed already when an answer was long on its way.
  if (sequence == state_.last_of(client)) known(last_change_[client]);
}

void Checker::answers(const Machine& master, LogIndex known_before, SimTime now) const {
  if (lenient_ || distrusts_clocks(now)) return;
  if (master.process.applied < known_before) {
    throw Violation(fmt::format(
        "{} answers from the state after entry {}, when entry {} was known to be in force",
        master.id, master.process.applied, known_before));
  }
}

void Checker::holds_acknowledged(const StateMachine& state) const {
  if (lenient_) return;
  for (const auto& [client, last] : acknowledged_) {
    if (state.last_of(client) < last) {
      throw Violation(fmt::format("change {}.{} was acknowledged and is lost", client, last));
    }
  }
}

void Checker::bounded(const Machine& machine, SimTime now) const {
  const auto seconds = static_cast<std::uint64_t>(now / Duration(1s)) + 10;
  if (machine.process.node == nullptr) return;
  const auto& node = *machine.process.node;
  if (node.term().value() > seconds * terms_per_second_max)
    throw Violation("terms grow without bound");
  if (machine.process.held.size() > 8192)
    throw Violation("messages that wait for the disk grow without bound");
  if (node.log().size() > 4 * limits::log_entries_max) throw Violation("a log grows without bound");
}

}  // namespace tandem::sim
