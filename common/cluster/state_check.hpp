// state_check.hpp: whether this node's state machine can apply what other members send and what its
// own log holds. It is asked before anything is written to the disk, where it would be found again
// at every start.
//
// The owner knows what commands and snapshots mean; this code only knows where they are in messages
// and logs.
//
// Owner: a value. The functions are pure: any thread.
#pragma once

#include <functional>
#include <string_view>

#include "common/base/result.hpp"
#include "common/core/messages.hpp"
#include "common/core/outputs.hpp"

namespace tandem::cluster {

// Errors of both: `invalid` for content that no version writes, `conflict` for content of a later
// version. Empty functions accept everything.
struct StateCheck {
  std::function<Result<>(std::string_view bytes)> command{};
  std::function<Result<>(std::string_view bytes)> snapshot{};
};

// For a member that stores commands and snapshots without reading them: accepts JSON objects within
// the limits of documents.
StateCheck documents_alone();

// Checks all commands and snapshots in the message or log. Errors: as StateCheck; the message names
// the entry.
Result<> check(const core::Message& message, const StateCheck& state);
Result<> check(const core::Stored& stored, const StateCheck& state);

}  // namespace tandem::cluster
