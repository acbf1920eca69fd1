// canonical_host.hpp: the one usual text of an address, however it was written. Pure; any thread.
#pragma once

#include <string>

namespace tandem {

// One address can be written in several ways: ::1 and 0:0:0:0:0:0:0:1, 10.0.0.1 and ::ffff:10.0.0.1
// (mapped into IPv6, RFC 4291 §2.5.5.2). Returns the usual form; anything but an IPv6 literal is
// returned unchanged.
std::string canonical_host(const std::string& host);

}  // namespace tandem
