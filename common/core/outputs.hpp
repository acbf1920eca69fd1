// outputs.hpp: what a node wants done. The shell carries it out in this order:
//  1. hand `write` to the disk, and report Durable when it is there; writes stay in order;
//  2. send each message whose `after` is already durable, and hold the others until theirs is (R2);
//  3. take over serve_until, role and announce;
//  4. restore and apply, in order.
// Nothing here may be dropped or reordered, but messages may be lost on the way.
//
// Owner: the caller of Node::step(), which clears and refills it.
#pragma once

#include <optional>
#include <vector>

#include "common/base/result.hpp"
#include "common/core/entry.hpp"
#include "common/core/ids.hpp"
#include "common/core/messages.hpp"

namespace tandem::core {

// What must never be lost or go back: the cluster, the term, and the vote given in it (R1).
struct HardState {
  ClusterId cluster;
  Term term;
  MemberId vote;  // empty: none given in this term
  friend bool operator==(const HardState&, const HardState&) = default;
};

// What a data directory holds.
struct Stored {
  HardState hard_state;
  SnapshotPointer snapshot;    // null: none yet
  std::vector<Entry> entries;  // consecutive, after the snapshot
};

// One atomic change of the data directory, applied in the order of its fields.
struct Write {
  WriteNumber number;
  std::optional<HardState> hard_state;
  SnapshotPointer snapshot;               // replaces the stored one; entries up to it may go
  bool discard_log = false;               // with a snapshot: every entry goes
  std::optional<LogIndex> truncate_from;  // entries from here on go
  std::vector<Entry> append;
};

struct Outbound {
  Message message;
  WriteNumber after;  // 0: at once
};

enum class Role { follower, pre_candidate, candidate, primary };
const char* to_string(Role role);

struct RoleChange {
  Role role = Role::follower;
  Term term;
  MemberId primary;  // who leads this term, when known
  friend bool operator==(const RoleChange&, const RoleChange&) = default;
};

struct Refusal {
  CommandId id;
  Error error;  // unavailable: not the primary, handing over, or too many changes are waiting
};

struct Outputs {
  std::optional<Write> write;
  std::vector<Outbound> messages;
  SnapshotPointer restore;   // the state machine becomes this, before `apply`
  std::vector<Entry> apply;  // committed, in order, each once per run of the process
  std::optional<RoleChange> role;
  // Until when this node may forward requests, by its own clock; never() = it may not. Unset:
  // unchanged. The data plane must compare it with the clock before each request (R7).
  std::optional<Instant> serve_until;
  // Until when this node may forward under a serving grant, whoever leads. Unset: unchanged. To be
  // compared with the clock in the same way (R11).
  std::optional<Instant> granted_until;
  // On a primary: everything up to this entry is in force at every master that may forward (R11),
  // and remains so, even if a later value is lower. Unset: unchanged. 0 on other nodes.
  std::optional<LogIndex> in_force;
  std::optional<Term> announce;  // tell every worker this term, then report TermAnnounced (R10)
  std::vector<Refusal> refused;
  bool snapshot_wanted = false;  // report SnapshotTaken when convenient; repeated until then

  void clear();
};

}  // namespace tandem::core
