// log_format.hpp: a line of the log as JSON. Pure.
#pragma once

#include <string>
#include <string_view>

namespace tandem {

// An event and its fields, `voters changed voters="a, b" quorum=2`, as members of an object without
// its braces: "event":"voters changed","voters":"a, b","quorum":2. What is all digits is a number.
// Where a name comes twice, or is "time" or "level", the first one counts, so that text from a
// stranger cannot replace what we say.
void append_log_members(std::string& out, std::string_view event);

}  // namespace tandem
