// counts.hpp: how requests end, as the master has counted them that passes them to the workers: a
// standby has counted none, and its zeros say nothing.
#pragma once

#include <optional>
#include <string>

#include "common/wire/status.hpp"
#include "ctl/control_client.hpp"

namespace tandem::ctl {

struct Counts {
  std::string by;  // the node that has counted
  // That node, when it is another than the one that was asked; none: it is the same, or cannot be
  // asked.
  std::optional<ControlClient> client{};
  std::string note{};  // one sentence for people; empty: the node that was asked has counted
};

// The status of the primary, when `status` is that of a master that asks no workers itself; nothing
// when it does, or when the primary cannot be asked from here.
std::optional<wire::Status> ask_primary(const ControlClient& client, const wire::Status& status);

// Gives the workers of `status`, which `client` has answered, the counts of the master that passes
// requests to them. They stay as they are when that one cannot be asked, and the note says so.
Counts take_counts(const ControlClient& client, wire::Status& status);

}  // namespace tandem::ctl
