// path_readings.hpp: the other paths that a server may find in the path of a request.
//
// Paths go to workers as they were sent (decision 008), and servers do not agree on what they mean:
// most decode percent-encoding, many merge slashes and resolve dot segments (RFC 3986 §6.2.2), some
// end a segment at a semicolon or at NUL, or take a backslash for a slash. So what a route demands
// of a client must not depend on how the client has spelled the path.
//
// Pure; any thread. Cost: none for a path that reads the same everywhere, which nearly all do.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tandem::master {

// Whether every server reads it as it is written. `path`: without query.
bool has_one_reading(std::string_view path);

// Each path that a server may take it for, but for the one that is written. A few dozen at most.
// REQUIRES: path begins with a slash
std::vector<std::string> other_readings(std::string_view path);

}  // namespace tandem::master
