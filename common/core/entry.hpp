// entry.hpp: what the replicated log holds. The core understands configurations and no-ops; a
// command is opaque bytes that belong to the state machine above.
#pragma once

#include <memory>
#include <string>
#include <variant>

#include "common/core/configuration.hpp"
#include "common/core/ids.hpp"

namespace tandem::core {

// Appended by each new primary: committing it commits everything before it (R5).
struct NoOp {
  friend bool operator==(const NoOp&, const NoOp&) = default;
};

struct Command {
  CommandId id;
  std::string bytes;  // at most limits::command_bytes_max
  friend bool operator==(const Command&, const Command&) = default;
};

using EntryBody = std::variant<NoOp, Command, Configuration>;

struct Entry {
  LogIndex index;
  Term term;  // of the primary that appended it
  EntryBody body;
  friend bool operator==(const Entry&, const Entry&) = default;
};

// The state after `index`, which replaces the entries up to it. With index 0 and no bytes it is the
// state before the first entry.
struct Snapshot {
  LogIndex index;
  Term term;                    // of the entry at `index`
  Configuration configuration;  // as of `index`
  std::string bytes;            // the state machine's; at most limits::snapshot_bytes_max
};
using SnapshotPointer = std::shared_ptr<const Snapshot>;

}  // namespace tandem::core
