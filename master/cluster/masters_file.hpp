// masters_file.hpp: the list of the masters in the data directory beside the log, so that a restart
// needs no flags to find them before the log is applied.
//
// It follows the replicated state, which is authoritative; an outdated file only costs one more
// round of messages.
#pragma once

#include <string>

#include "common/base/result.hpp"
#include "common/wire/masters.hpp"

namespace tandem::master {

std::string masters_file_in(const std::string& directory);

// Errors: `not_found` when there is none; `invalid` and `io` for one that cannot be used, naming
// it: then the flags are used.
Result<wire::Masters> load_masters(const std::string& directory);

}  // namespace tandem::master
