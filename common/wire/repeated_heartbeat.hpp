// repeated_heartbeat.hpp: POST /heartbeat in its short form: "I am as I last said".
//
//   {"name": "w1", "incarnation": "6f1c...", "repeats": 5, "in_flight": 3, "term": 3}
//
// A worker numbers what it says of itself: the document has the member "sequence", which grows with
// each change. A master that answers with "takes_repeats" has kept that document, and from then on
// the number stands for it. What changes all the time is in both forms: the requests in flight, and
// the promised term. The short form counts where it comes from whom the document came from: the
// same caller at the same address. It is answered with
//
//   200 and a whole reply, when that differs from the last one that this worker was given;
//   204, when it does not;
//   412, when the master has no such document: the worker then sends all of it, at once. So a
//        master that has just started, or has forgotten the worker, needs to know nothing.
//
// Masters of earlier versions do not say "takes_repeats", and are never sent the short form.
//
// It is written by programs that send it thousands of times, so it is read in its plainest form
// alone (flat_object.hpp). Views point into the body.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/strong.hpp"
#include "common/wire/heartbeat.hpp"

namespace tandem::wire {

struct RepeatedHeartbeat {
  std::string_view name;
  std::string_view incarnation;
  std::uint64_t sequence = 0;  // of the document that it repeats: 1 to sequence_max
  unsigned in_flight = 0;
  Term term;
};

// Of the document `heartbeat`. REQUIRES: it has a sequence.
std::string repetition_of(const Heartbeat& heartbeat);

// Nothing, when the body is not of this form: then it is to be read as a whole document.
std::optional<RepeatedHeartbeat> read_repetition(std::string_view body);

}  // namespace tandem::wire
