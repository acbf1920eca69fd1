// masters_file.hpp: who the masters are, kept in the data directory beside the log, so that a
// restart finds them without a flag, before the log is applied.
//
// It follows the replicated state, which alone decides; one that is old only costs a round more.
#pragma once

#include <optional>
#include <string>

#include "common/wire/masters.hpp"

namespace tandem::master {

// Empty when there is none, or none that can be read: then flags say it again.
std::optional<wire::Masters> load_masters(const std::string& directory);
// In one step: it is there as it was, or as it is to be. What cannot be written is logged.
void save_masters(const std::string& directory, const wire::Masters& masters);

}  // namespace tandem::master
