// roles.hpp: what a node knows only while it has a role. A variant, so that the state of one role
// cannot be used in another.
//
// Owner: one Node.
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "common/core/lease.hpp"
#include "common/core/outputs.hpp"
#include "common/core/progress.hpp"
#include "common/core/serving_grant.hpp"

namespace tandem::core {

struct Follower {};

struct PreCandidate {
  Term for_term;
  std::vector<MemberId> granted;
};

struct Candidate {
  std::vector<MemberId> granted;
  WriteNumber vote_write;  // our own vote counts when this is durable
  bool alone = false;      // pair mode: no other vote is asked for
};

// A member that is brought up to date before it is made a voter, so that adding it costs no
// availability.
struct Joining {
  MemberId id;
  VoterKind kind = VoterKind::master;
  Instant since;
  std::optional<Instant> decided{};  // the addition, which is made when it has answered once more
};

// A master that no longer votes. It is sent the log while it answers, so that it knows that it was
// removed, and to whom it should pass its clients' requests on until it is stopped.
struct Leaving {
  MemberId id;
  Instant since;
};

// A removal that was decided. It is made when those who remain have answered a round sent since.
struct Removing {
  MemberId id;
  Instant since;
};

struct HandingOver {
  MemberId to;
  Instant give_up;
};

struct Primary {
  Primary(const Timing& timing, Instant now)
      : lease(timing.lease()), grants(timing.grant(), now), elected(now) {}

  Lease lease;
  GivenGrants grants;
  LogIndex own_first;  // our no-op; once committed, everything before it is (R5)
  Instant elected;
  Instant next_heartbeat;
  bool announced = false;  // every worker has been told our term (R10)
  bool alone = false;      // pair mode: commits without the other
  std::vector<Progress>
      members;  // all other voters, the member that is joining, and those that are leaving
  std::optional<Joining> joining;
  std::vector<Leaving> leaving;  // at most limits::masters_max
  std::optional<Removing> removing;
  bool dismisses = false;  // pair mode: the pair ends, so its standby may not promote itself
  MemberId tried;          // the member that did not catch up in time
  std::optional<HandingOver> handing_over;
};

using RoleState = std::variant<Follower, PreCandidate, Candidate, Primary>;

}  // namespace tandem::core
