// masters_file.hpp: who the masters are, kept in the data directory beside the log, so that a
// restart finds them without a flag, before the log is applied.
//
// It follows the replicated state, which alone decides; one that is old only costs a round more.
#pragma once

#include <string>

#include "common/base/result.hpp"
#include "common/wire/masters.hpp"

namespace tandem::master {

std::string masters_file_in(const std::string& directory);

// Errors: `not_found` when there is none; `invalid` and `io` for one that cannot be used, naming
// it: then flags say it again.
Result<wire::Masters> load_masters(const std::string& directory);

}  // namespace tandem::master
