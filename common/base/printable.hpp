// printable.hpp: makes text that others wrote safe for one line on a terminal. Pure.
#pragma once

#include <string>
#include <string_view>

namespace tandem {

// The number of bytes of the UTF-8 character (RFC 3629 §4) at the start of `text`; 0 when there is
// none.
std::size_t utf8_character_bytes(std::string_view text);

// Control characters (C0, C1, DEL) and bytes that are not UTF-8 become \xNN; all else stays as it
// is.
std::string printable(std::string_view text);

}  // namespace tandem
