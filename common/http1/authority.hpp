// authority.hpp: whether a text may be a Host, or the authority of an absolute-form target (RFC
// 3986 §3.2): uri-host [ ":" port ], without user information.
#pragma once

#include <string_view>

namespace tandem {

// Also true for the empty text, since Host may be empty (RFC 9110 §7.2).
bool is_authority(std::string_view text);

}  // namespace tandem
