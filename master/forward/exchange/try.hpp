// try.hpp: one worker, or the primary, at which a request is tried: its place there, the
// connection that is being made, the attempt. Owner: the exchange, on its context.
#pragma once

#include <memory>
#include <optional>

#include "master/forward/exchange/attempt.hpp"
#include "master/forward/io/deadline_wheel.hpp"
#include "master/forward/workers/service.hpp"

namespace tandem::master {

struct Try {
  Try() {
    deadline.on_expiry(
        [](void* self) {
          if (auto* stream = static_cast<Try*>(self)->connecting) stream->cancel();
        },
        this);
  }
  Try(const Try&) = delete;
  Try& operator=(const Try&) = delete;

  void abort() {
    if (connecting != nullptr) connecting->close();
    if (attempt) attempt->abort();
  }
  // Another one has an answer.
  void beat() {
    beaten = true;
    if (connecting != nullptr) connecting->cancel();
    if (attempt) attempt->beat();
  }
  bool has_answer() const { return asked && !outcome; }

  std::shared_ptr<Upstream> upstream;  // null: nobody was chosen
  Placement placement;                 // there, from the choice to the end of the try
  MessageStream* connecting = nullptr;
  Deadline deadline;  // of the connecting
  std::optional<Attempt> attempt;
  bool asked = false;  // it has an answer, or has ended without one:
  bool beaten = false;
  bool own_trouble = false;  // it could not be connected to, and is not to blame
  std::optional<Attempt::Outcome> outcome;
};

}  // namespace tandem::master
