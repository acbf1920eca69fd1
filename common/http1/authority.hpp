// authority.hpp: what may stand in Host and in absolute-form (RFC 3986 §3.2): uri-host [ ":" port
// ], without user information.
#pragma once

#include <string_view>

namespace tandem {

// True for the empty text as well, which Host may be (RFC 9110 §7.2).
bool is_authority(std::string_view text);

}  // namespace tandem
