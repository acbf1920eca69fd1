// location.hpp: the value of Location (RFC 9110 §10.2.2) where a client is sent elsewhere with the
// target that it asked for. Pure.
#pragma once

#include <string>
#include <string_view>

namespace tandem::master {

// `origin`: scheme and authority. `target`: as RequestHead has it.
std::string location(std::string_view origin, std::string_view target);

// The origin of the same host over https, at that port. REQUIRES: `host` is not empty. A port in it
// is the one for http, and is left out.
std::string https_origin(std::string_view host, std::string_view port);

}  // namespace tandem::master
