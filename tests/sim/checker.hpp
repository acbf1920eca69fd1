// checker.hpp: the invariants of every step of every history, checked from outside: it sees all
// machines at once, and shares no logic with the core.
//
// Every check throws Violation. In `lenient` histories (two masters without a witness, cut off from
// each other) only what pair mode promises is checked.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "tests/sim/machine.hpp"
#include "tests/sim/violation.hpp"

namespace tandem::sim {

class Checker {
 public:
  void set_lenient(bool lenient) { lenient_ = lenient; }
  // Clocks ran outside the promised bound until now: two primaries may overlap until a lease has
  // passed.
  void distrust_clocks_until(SimTime until) {
    distrusted_until_ = std::max(distrusted_until_, until);
  }
  bool distrusts_clocks(SimTime now) const { return now < distrusted_until_; }

  // One primary per term; it holds every committed change at its place.
  void elected(const Machine& machine, Term term);
  // Never two that would serve at one instant.
  void serving(const std::vector<Machine>& machines, SimTime now) const;
  // Drains up to this entry have been answered as in force everywhere. False when that is no news.
  bool in_force(LogIndex index);
  // No request starts by a state that is older than a drain which was answered (R11).
  void forwarding(const std::vector<Machine>& machines, SimTime now) const;
  // Every node commits the same entries at the same places.
  void committed(const Machine& machine, const core::Entry& entry);
  // ... and has the same state after each.
  void applied(const Machine& machine, const core::Entry& entry) const;
  // What a primary counts as committed ends with an entry of its own term (R5).
  void counted(const Machine& primary) const;
  void restored(const Machine& machine, const core::Snapshot& snapshot);
  // Voter changes: majorities meet (R8), begun only after an entry of the own term (R8); no voter
  // is removed that everything committed before the election wants, and none that is needed; no
  // master is admitted or removed against what was committed before the election.
  void writing(const Machine& machine, const core::Write& write,
               const std::vector<Machine>& machines, SimTime now);
  // Amnesiacs do not vote (R9).
  void sending(const core::Message& message) const;
  // The term a worker accepts never falls (R10).
  void accepted_by_worker(const Machine& worker, Term term);
  void worker_restarted(const Machine& worker) { accepted_.erase(worker.index); }

  void acknowledged(std::uint64_t client, std::uint64_t sequence);
  // The last entry that some client knows of, by an acknowledgement or an answer. The log is the
  // order of all changes, so histories of changes and answers are linearisable exactly if no answer
  // is older than what was known when it was requested.
  LogIndex known() const { return known_; }
  void known(LogIndex index) { known_ = std::max(known_, index); }
  void answers(const Machine& master, LogIndex known_before, SimTime now) const;
  // Every acknowledged change is in this state, once.
  void holds_acknowledged(const StateMachine& state) const;
  // Nothing grows without bound.
  void bounded(const Machine& machine, SimTime now) const;

  std::uint64_t elections() const { return elections_; }
  std::uint64_t acknowledged_count() const { return acknowledged_count_; }
  const core::Configuration& committed_configuration() const { return configuration_; }
  const StateMachine& state() const { return state_; }
  Term highest_term() const { return highest_term_; }
  std::size_t committed_count() const { return committed_.size(); }

 private:
  void note_registrations(LogIndex index);
  void note_masters(LogIndex index);
  void changes_masters(const Machine& primary, const core::Configuration& before,
                       const core::Configuration& after,
                       const std::vector<Machine>& machines) const;
  bool is_registered(const std::vector<Machine>& machines, const core::MemberId& witness,
                     LogIndex before) const;
  void removing(const Machine& primary, const core::Voter& voter, const core::Configuration& after,
                const std::vector<Machine>& machines, SimTime now) const;

  struct Committed {
    Term term;
    Term committed_in;  // or earlier: the term of the first node that was seen to apply it
    std::uint64_t state_digest = 0;  // of the state machine after it
  };

  bool lenient_ = false;
  SimTime distrusted_until_{-1};
  std::map<Term, std::uint32_t> primaries_;
  std::vector<Committed> committed_;  // at index - 1
  StateMachine state_;                // after all of it
  core::Configuration configuration_;
  std::set<core::MemberId> admitted_;
  std::map<std::uint32_t, LogIndex> own_first_;  // of each machine's last election
  struct Registration {
    std::uint64_t incarnation = 0;
    LogIndex since;
  };
  std::map<std::uint32_t, Registration> registered_;  // workers, in state_
  struct Belonging {
    bool belongs = false;
    LogIndex belongs_since;
    bool stays = false;  // it belongs, and nobody is to take its place
    LogIndex stays_since;
  };
  std::map<std::uint32_t, Belonging> masters_;  // whom state_ has ever named
  std::map<std::uint32_t, Term> accepted_;
  std::map<std::uint64_t, std::uint64_t> acknowledged_;
  std::map<std::uint64_t, LogIndex> last_change_;  // of each client: its entry
  LogIndex known_;
  LogIndex in_force_;
  std::uint64_t acknowledged_count_ = 0;
  std::uint64_t elections_ = 0;
  Term highest_term_;
};

}  // namespace tandem::sim
