// snapshot.hpp: `tandem snapshot save`: the replicated state in a file.
#pragma once

#include <string>

#include "common/base/result.hpp"
#include "ctl/control_client.hpp"

namespace tandem::ctl {

// Writes it with mode 0600, completely or not at all: an existing file is replaced when the new one
// is on the disk. "-": the standard output. Returns the text to print. Errors: `io`, naming the
// file.
Result<std::string> save_snapshot(const ControlClient& client, const std::string& file);

}  // namespace tandem::ctl
