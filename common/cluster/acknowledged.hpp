// acknowledged.hpp: what the members have reported as durable to this primary, and which members
// deny it later.
//
// A member that has acknowledged an entry in this term keeps it for the rest of the term, also
// after a restart. If it refuses a round for lack of that entry, and the round was sent after its
// acknowledgement had arrived, then its data directory is an older copy, or its disk has lost
// synced data. Then it has forgotten votes or entries, nobody knows which, and must not be counted
// any more.
//
// A primary only remembers its own term: one that was elected later does not know what the member
// had reported before.
//
// Owner: one thread at a time.
#pragma once

#include <map>

#include "common/core/messages.hpp"

namespace tandem::cluster {

class Acknowledged {
 public:
  // Returns the entry that the sender of a message denies; 0: none. Called by a primary for each
  // message of its term, before the core takes it. `known`: the member's newest durable entry
  // according to the core; it goes back when the two masters of a pair begin anew.
  LogIndex denied_by(const core::Message& message, Term term, LogIndex known, Instant now);

 private:
  struct Word {
    LogIndex durable;
    Instant came;
  };
  Term term_;
  std::map<core::MemberId, Word> words_;
};

}  // namespace tandem::cluster
