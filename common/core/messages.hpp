// messages.hpp: the messages between members of a cluster. The wire layer turns them into JSON.
//
// Every message names its cluster, its sender's and receiver's incarnation (R9), and the sender's
// term (R3). A message may be lost, delayed, repeated and reordered; nothing here depends on order
// of arrival.
//
// Units: Instants are those of the member that wrote them, and only that member ever reads them.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/base/time.hpp"
#include "common/core/entry.hpp"
#include "common/core/ids.hpp"

namespace tandem::core {

enum class Ballot {
  pre_vote,  // "would you vote for me?": changes nothing at the voter, so it does not disturb a
             // primary
  vote,
};

struct VoteRequest {
  Ballot ballot = Ballot::pre_vote;
  Term for_term{};        // the term the candidate wants to lead
  LogIndex last_index{};  // of the candidate's log (R4)
  Term last_term{};
  // The primary itself asked for this election and has stopped serving: promises to it do not
  // count.
  bool handover = false;
};

struct VoteReply {
  Ballot ballot = Ballot::pre_vote;
  Term for_term{};  // as asked
  bool granted = false;
  Duration promised_for{
      0};  // refused because of a promise to the primary that still lasts this long
  LogIndex
      last_index{};  // of the voter's log: tells a candidate that is behind where to fetch entries
  Term last_term{};
};

// What a master says of itself while grants are in use (serving_grant.hpp).
struct GrantRequest {
  Instant asked = Instant::never();  // the sender's clock; never: it asks for no grant
  SessionId session{};
  LogIndex applied{};  // its state is the one after this entry, and it forwards by that

  friend bool operator==(const GrantRequest&, const GrantRequest&) = default;
};

// "You may forward, counted from your question." Once the state has applied the commit index of the
// message that brings it.
struct Grant {
  Instant asked{};      // as in the request
  SessionId session{};  // likewise

  friend bool operator==(const Grant&, const Grant&) = default;
};

// The primary's heartbeat, with the entries the member lacks.
struct Append {
  LogIndex previous_index{};  // the entry before `entries`: the member must hold it with this term
  Term previous_term{};
  std::vector<Entry> entries{};
  LogIndex commit{};
  Instant sent{};  // the primary's clock; echoed (R6)
  SessionId
      in_sync{};  // pair mode: the session of the standby that may promote itself; 0 = none may
  std::optional<Grant> grant{};
};

// The primary's whole state, for a member that lacks entries which the primary no longer keeps, and
// for witnesses, which cannot make snapshots of their own.
struct InstallSnapshot {
  SnapshotPointer snapshot{};  // never null
  bool discard_log = false;  // pair mode: the member has committed entries that the cluster has not
  Instant sent{};
};

// The answer to both.
struct AppendReply {
  bool accepted = false;
  LogIndex
      match{};  // accepted: durable and equal to the primary's up to here; refused: try from here
  LogIndex rejected{};    // refused: the previous_index that did not match
  LogIndex committed{};   // by this member, and that entry's term: a primary that has another one
                          // there, or
  Term committed_term{};  // none, knows that the two went on without each other (pair mode)
  Instant sent{};         // as in the round
  SessionId session{};    // the member's session
  std::optional<GrantRequest> request{};
};

// A candidate asks a voter that refused it for the entries it lacks: a witness may be the only one
// left that holds a committed entry, and a witness never leads.
struct FetchLog {
  LogIndex previous_index{};
  Term previous_term{};
};

struct LogExcerpt {
  bool matched = false;  // false: ask again from previous_index
  LogIndex asked{};      // the previous_index that was asked for
  LogIndex previous_index{};
  Term previous_term{};
  std::vector<Entry> entries{};
  SnapshotPointer snapshot{};  // in place of entries that are no longer kept; may be null
  LogIndex last_index{};       // of the lender's log
  Term last_term{};
};

// "Campaign now": sent by a primary that has stopped serving to the successor that it has chosen.
struct TimeoutNow {};

// "I am no longer bound by a promise": the primary's process has ended.
struct Released {};

// A master that does not vote yet announces itself, and learns whether a cluster exists.
struct Hello {
  bool belongs = false;  // the sender has a log, or knows that a cluster exists
  bool answer_wanted = false;
  SessionId asker{};  // echoed in the answer, which counts only in the session that asked
};

using MessageBody = std::variant<Append, AppendReply, VoteRequest, VoteReply, InstallSnapshot,
                                 FetchLog, LogExcerpt, TimeoutNow, Released, Hello>;

struct Message {
  ClusterId cluster;  // 0 only in a Hello
  MemberId from;
  MemberId to;  // the incarnation is 0 only in a Hello
  Term term{};
  MessageBody body;
};

// One line for traces and transcripts: "append term 3 after 7/2: 8/3 9/3 commit 7".
std::string describe(const Message& message);
std::string describe(const Entry& entry);

}  // namespace tandem::core
