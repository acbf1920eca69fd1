// name.hpp: names of nodes, workers and services: [A-Za-z0-9._-]{1,64}.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace tandem {

// True for 1 to 64 characters of [A-Za-z0-9._-].
bool is_name(std::string_view text);

// The name itself, or an `invalid` error that says what a name is. `field` is quoted in the
// sentence.
Result<std::string> parse_name(std::string_view text, std::string_view field);

}  // namespace tandem
