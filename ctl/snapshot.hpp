// snapshot.hpp: `tandem snapshot save`: the replicated state in a file.
#pragma once

#include <string>

#include "common/base/result.hpp"
#include "ctl/control_client.hpp"

namespace tandem::ctl {

// Writes it for its owner alone (mode 0600), whole or not at all: a file of that name is replaced
// when the new one is on the disk. "-": the standard output. Returns what there is to print.
// Errors: `io`, naming the file.
Result<std::string> save_snapshot(const ControlClient& client, const std::string& file);

}  // namespace tandem::ctl
