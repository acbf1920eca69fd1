// acknowledged.hpp: what the members have reported durable to this primary, and who denies it
// later.
//
// A member that has acknowledged an entry in this term has it for as long as the term lasts, in
// this life and the next. If it refuses a round for lack of that entry, and the round was sent
// after its word had come, its data directory is an older copy, or its disk loses what it has
// synced. It has forgotten votes and entries, then, and must not be counted any more: nobody can
// tell which.
//
// This is not all that can be noticed in principle, but all that a primary remembers: one that was
// elected since does not know what the member has said before.
//
// Owner: one thread at a time.
#pragma once

#include <map>

#include "common/core/messages.hpp"

namespace tandem::cluster {

class Acknowledged {
 public:
  // Of a message that has come to a primary in its term, before the core takes it. The entry that
  // the member denies; 0: it denies none. `known`: what the core takes for its newest durable
  // entry; less than before when the two begin anew (pair mode).
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
