// chosen_worker.hpp: the worker, or the primary, that was chosen for a request: the connection that
// is being made to it, and the attempt there. Owner: the exchange, on its context.
#pragma once

#include <memory>
#include <optional>

#include "master/forward/exchange/attempt.hpp"
#include "master/forward/io/deadline_wheel.hpp"
#include "master/forward/workers/service.hpp"

namespace tandem::master {

// The part that an attempt takes in the trace of its request.
struct AttemptTrace {
  bool is_on = false;
  TraceContext self;
  TraceparentText traceparent;  // that the worker is sent
  Instant began;
  Instant answered;  // the answer was at hand, or there will be none

  std::string_view text() const {
    return is_on ? std::string_view(traceparent.data(), traceparent.size()) : std::string_view();
  }
};

struct ChosenWorker {
  ChosenWorker() {
    deadline.on_expiry(
        [](void* self) {
          if (auto* stream = static_cast<ChosenWorker*>(self)->connecting) stream->cancel();
        },
        this);
  }
  ChosenWorker(const ChosenWorker&) = delete;
  ChosenWorker& operator=(const ChosenWorker&) = delete;

  void abort() {
    if (connecting != nullptr) connecting->close();
    if (attempt) attempt->abort();
  }
  // Another worker has answered first.
  void lose_race() {
    lost_race = true;
    if (connecting != nullptr) connecting->cancel();
    if (attempt) attempt->lose_race();
  }
  bool has_answer() const { return asked && !outcome; }

  std::shared_ptr<Upstream> upstream;  // null: none was chosen
  InFlightCount in_flight;             // there, from the choice to the end of the attempt
  MessageStream* connecting = nullptr;
  Deadline deadline;  // of the connecting
  std::optional<Attempt> attempt;
  bool asked = false;  // the attempt has an answer, or has ended without one
  bool lost_race = false;
  std::optional<AttemptOutcome> outcome;  // unset: none yet, or an answer is at hand
  AttemptTrace trace;
};

}  // namespace tandem::master
