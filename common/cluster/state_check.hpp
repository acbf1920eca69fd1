// state_check.hpp: whether the state machine of this node can take what other members send, and
// what its own log holds: asked before anything of it is written to the disk, where it would be
// found again at every start.
//
// What a command and a snapshot mean is the owner's to know; here it is known where they stand.
//
// Owner: a value. The functions are pure: any thread.
#pragma once

#include <functional>
#include <string_view>

#include "common/base/result.hpp"
#include "common/core/messages.hpp"
#include "common/core/outputs.hpp"

namespace tandem::cluster {

// Errors of both: `invalid` for what no version writes, `conflict` for what a later one has
// written. Empty functions take everything.
struct StateCheck {
  std::function<Result<>(std::string_view bytes)> command{};
  std::function<Result<>(std::string_view bytes)> snapshot{};
};

// Of a member that keeps what others send and does not read it: JSON objects, within the limits of
// documents.
StateCheck documents_alone();

// All commands and snapshots in it. Errors: as StateCheck; the sentence names the entry.
Result<> check(const core::Message& message, const StateCheck& state);
Result<> check(const core::Stored& stored, const StateCheck& state);

}  // namespace tandem::cluster
