// node.hpp: the failover protocol of one node, master or witness: Raft (Ongaro 2014) with pre-vote
// (§9.6), check-quorum and leader lease (§6.4), leadership transfer (§3.10), single voter changes
// (§4.1), and Tandem's additions: the crash fast path, log lending by witnesses, pair mode.
//
// It is a pure function of (state, input) -> (state, outputs): each input carries the time, the
// constructor takes the seed of its random numbers, and it performs no I/O. So the simulator runs
// this very code, and a history can be replayed exactly.
//
// Units: Instant is the node's own clock. Owner: one thread at a time; no locks, no globals.
// Always: the term and the log's committed part never go back; serve_until() is never() unless this
// node is primary, has committed an entry of its own term, has announced it, and holds a lease.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>

#include "common/core/founding.hpp"
#include "common/core/inputs.hpp"
#include "common/core/log.hpp"
#include "common/core/membership.hpp"
#include "common/core/options.hpp"
#include "common/core/outputs.hpp"
#include "common/core/pair_mode.hpp"
#include "common/core/reach.hpp"
#include "common/base/splitmix64.hpp"
#include "common/core/roles.hpp"
#include "common/core/waiting.hpp"

namespace tandem::core {

class Node {
 public:
  // `stored` is what the data directory holds, empty for a new one. The shell restores the state
  // machine from stored.snapshot itself; entries are applied again as they are found committed.
  // REQUIRES: options.validate() succeeds.
  Node(Options options, Stored stored, std::uint64_t seed, Instant now);

  // Takes one input and refills `outputs`. A `now` before that of the previous input counts as the
  // previous one.
  void step(Instant now, Input input, Outputs& outputs);

  // When the next Tick is due; forever() when only other inputs matter.
  Instant deadline() const;

  Role role() const { return static_cast<Role>(role_.index()); }
  Term term() const { return hard_.term; }
  const MemberId& self() const { return options_.self; }
  const MemberId& primary() const {
    return primary_;
  }  // empty while nobody is known to lead this term
  const HardState& hard_state() const { return hard_; }
  LogIndex commit_index() const { return commit_; }
  const Log& log() const { return log_; }
  const Configuration& configuration() const { return log_.configuration(); }
  // Whether the newest configuration is committed. Until then a voter that it removes may be needed
  // again: this node may lose the uncommitted entry, and ask that voter for its vote.
  bool are_voters_committed() const { return log_.configuration_index() <= commit_; }
  // How far a member's log is known to equal the primary's; 0 when this node is not primary.
  LogIndex match_index(const MemberId& member) const;
  // This node is primary, and is bringing that member up to date before it makes it a voter.
  bool is_joining(const MemberId& member) const;
  // The time since which a voter has answered none of this primary's rounds; empty while it
  // answers, for this node itself, and when this node is not primary.
  std::optional<Instant> silent_since(const MemberId& member) const;
  // Whether a voter has answered a round of this primary's term, or is this node. Right after an
  // election nobody is silent yet, and who is dead has not answered either.
  bool has_answered(const MemberId& member) const;
  Instant serve_until() const;
  // Until when this node may forward whoever leads, by a grant.
  Instant granted_until() const { return held_grant_.until(); }
  // Whether masters that do not lead may forward in this cluster.
  bool uses_grants() const;
  // On a primary: every master that may forward has applied everything up to this entry (R11).
  LogIndex in_force() const;
  // The voters, besides its primary, that a master which might have to lead does not reach, as far
  // as it has asked (reach.hpp); empty on a primary, and on a member that cannot lead.
  std::vector<NodeId> unreached() const;
  // True when any single loss is survived while all voters are alive. A superseded incarnation
  // counts in every majority until it is removed, and is already lost.
  bool is_protected() const { return configuration().nodes() > configuration().quorum(); }
  // Whether this node may promote itself when the other falls silent (pair_mode.hpp).
  Standing pair_standing() const { return pair_.standing(); }
  bool is_alone() const;
  // True when this primary is alone in pair mode and the other is known not to promote itself, so
  // that it may be removed.
  bool is_other_out() const;
  // Until then this node elects nobody but its primary.
  Instant promised_until() const { return promise_.until(); }
  // What a master without a primary waits for.
  Waiting waiting() const;

 private:
  // node.cpp: dispatch, terms, durability
  void handle(Tick);
  void handle(Message& message);
  void handle(Durable durable);
  bool may_be_heeded(const Message& message) const;
  bool is_outsiders_term(const Message& message) const;
  void handle(ConnectionLost lost);
  void handle(TermReported reported);
  void handle(SnapshotTaken& taken);
  void handle(Registered& registered);
  void handle(Applied applied);
  bool is_for_us(const Message& message);
  bool refuse_lower_term(const Message& message);
  void dispatch(Message& message);
  void become_follower(Term term, const MemberId& primary);
  Term next_term() const;
  void send(const MemberId& to, MessageBody body, WriteNumber after = WriteNumber(0));
  WriteNumber until_durable(WriteNumber number) const;
  WriteNumber log_write() const;
  Write& write();
  void persist_hard_state();
  void append_to_log(Entry entry);
  void truncate_log(LogIndex from);
  void install(const SnapshotPointer& snapshot, bool discard_log);
  void commit_up_to(LogIndex index);
  void conclude();

  // refusing_disk.cpp
  void handle(const DiskFailed& failed);
  void handle(DiskWorks);
  bool answers_without_disk();

  // election.cpp
  bool can_campaign() const;
  bool may_lead() const;
  void pre_campaign();
  void campaign(bool handover);
  void request_vote(const MemberId& voter, Ballot ballot, Term for_term, bool handover);
  void on(const Message& message, const VoteRequest& request);
  void on(const Message& message, const VoteReply& reply);
  void on(const Message& message, const FetchLog& fetch);
  void on(const Message& message, LogExcerpt& excerpt);
  void on(const Message& message, const TimeoutNow&);
  void on(const Message& message, const Released&);
  void handle(ConnectionRefused refused);
  bool won(const std::vector<MemberId>& granted) const;
  bool is_elected(const Candidate& candidate) const;
  bool has_own_vote(const Candidate& candidate) const;
  void count_own_vote();
  void borrow_log(const MemberId& lender, LogIndex last_index, Term last_term);
  void fetch_log(LogIndex previous);
  void promote_alone();
  void mind_pair();
  Duration first_wait();
  Duration retry_wait();
  bool is_promised_against(const VoteRequest& request, const MemberId& candidate) const;

  // hello.cpp
  void found();
  void say_hello();
  void greet(const NodeId& master, std::optional<SessionId> asker);
  void greet_newcomers(const Primary& primary);
  bool is_listed(const NodeId& node) const;
  void on(const Message& message, const Hello& hello);

  // reach.cpp
  bool stands_by() const;
  std::vector<MemberId> voters_to_reach() const;
  Reach::Occasion occasion_to_ask() const;
  void ask_voters();
  void keep_reached(const Primary& primary);
  bool is_about_reach(const Message& message) const;

  // waiting.cpp
  void note_ungranted();

  // following.cpp
  void on(const Message& message, Append& append);
  void on(const Message& message, const InstallSnapshot& install);
  void follow(const Message& message);
  bool are_plausible(LogIndex previous, Term previous_term,
                     const std::vector<Entry>& entries) const;
  bool denies_committed(LogIndex index, Term term) const;
  bool denies_committed(LogIndex previous, Term previous_term,
                        const std::vector<Entry>& entries) const;
  bool store_entries(LogIndex previous, std::vector<Entry>& entries);
  void take_standing(const Append& append, bool fits);
  AppendReply reply_to(Instant sent) const;
  void refuse_append(const Message& message, const Append& append);

  // leading.cpp
  void become_primary(bool alone);
  void lead(Primary& primary);
  void heartbeat(Primary& primary);
  void replicate(Primary& primary);
  void send_append(Primary& primary, Progress& member);
  void send_snapshot(Progress& member);
  bool is_newer_snapshot_needed() const;
  void on(const Message& message, const AppendReply& reply);
  bool has_diverged(const AppendReply& reply) const;
  void renew_lease(Primary& primary);
  void advance_commit(Primary& primary);
  void step_down_without_quorum(Primary& primary);
  void handle(Propose& proposed);
  void handle(TermAnnounced announced);
  void handle(const HandOver& hand_over);
  const Progress* successor(const Primary& primary, const HandOver& hand_over) const;
  void continue_handover();
  void pair_up(Primary& primary);

  // granting.cpp
  bool wants_grants() const;
  std::optional<GrantRequest> grant_request() const;
  void take_grant(const Append& append);
  void drop_grant();
  void tell_commit(Primary& primary);
  std::optional<Grant> grant_for(Primary& primary, const Progress& member);
  bool may_be_removed(const Primary& primary, const Voter& voter) const;

  // voter_changes.cpp
  void change_voters(Primary& primary);
  const Registered* registered(const Primary& primary) const;
  std::map<NodeId, MemberId> masters_that_ask(const Primary& primary) const;
  void remove_voter(Primary& primary, const MemberId& id, const std::set<MemberId>& living);
  bool has_standby_stood_down(Primary& primary);
  void stop_joining(Primary& primary);
  void mind_leaving(Primary& primary);
  void lead_removed(const MemberId& master);
  std::set<MemberId> voters_heard(const Primary& primary, Instant since) const;
  void add_voter(Primary& primary, const AddVoter& addition);
  void append_configuration(Primary& primary, Configuration configuration);
  void refresh_members(Primary& primary);

  Primary* as_primary() { return std::get_if<Primary>(&role_); }
  const Primary* as_primary() const { return std::get_if<Primary>(&role_); }

  Options options_;
  SplitMix64 random_;
  SessionId session_;
  Instant now_;
  HardState hard_;
  Term outside_term_;  // the highest reported by workers and by nodes that do not vote: the next
                       // campaign exceeds it
  Log log_;
  SnapshotPointer snapshot_;
  LogIndex commit_;
  MemberId primary_;
  RoleState role_;
  Promise promise_;
  Instant promised_at_ = Instant::never();  // when the promise was last given
  Instant election_due_;
  std::vector<NodeId>
      ungranted_;  // voters that did not grant their votes in the last campaign without a winner

  // The voter whose log is being copied; copying from two at a time could alternate between them
  // forever.
  struct Lender {
    MemberId id;
    LogIndex last_index;
    Term last_term;
    LogIndex asked;  // entries after this one were asked for; only the answer to that counts
    Instant at;
  };
  std::optional<Lender> lender_;
  Reach reach_;
  PairStanding pair_;
  Term standing_term_;  // of the primary that last stated whether this standby may promote itself,
  Instant standing_sent_ = Instant::never();  // and when, on its clock
  Founding founding_;
  Term remembered_;  // the highest that a worker reported before this node had a cluster
  Instant hello_due_;
  struct KnownMaster {
    MemberId id;
    Instant heard;
  };
  std::map<NodeId, KnownMaster> known_masters_;  // masters that do not vote yet, by their Hellos
  std::optional<Registered> registered_;

  HeldGrant held_grant_;
  LogIndex applied_;    // what the state machine has reported
  Instant asks_since_;  // grants that were asked for before are not for this state
  Instant last_round_ = Instant::never();  // of the primary that leads, on its clock

  struct PendingWrite {
    WriteNumber number;
    LogIndex last;  // the last index of the log once it is durable
  };
  WriteNumber issued_;
  WriteNumber durable_;
  WriteNumber hard_write_;  // the one that holds the current hard state
  LogIndex durable_index_;  // the log up to here is on the disk
  std::deque<PendingWrite> pending_;
  bool disk_fails_ =
      false;  // nothing is written, and no message is sent that would have to wait for a write
  Instant next_answer_ = Instant::never();  // to a primary, while the disk fails

  Outputs* out_ = nullptr;  // during step()
  RoleChange published_role_;
  Instant published_serve_until_ = Instant::never();
  Instant published_granted_until_ = Instant::never();
  LogIndex published_in_force_;
};

}  // namespace tandem::core
