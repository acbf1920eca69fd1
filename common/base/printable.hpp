// printable.hpp: text that others wrote, as it may stand in one line on a terminal. Pure.
#pragma once

#include <string>
#include <string_view>

namespace tandem {

// The bytes of the UTF-8 character (RFC 3629 §4) at the start of `text`; 0 when there is none.
std::size_t utf8_character_bytes(std::string_view text);

// What a terminal, or a reader of lines, takes for a command (C0 and C1 controls, DEL) and what is
// no UTF-8 becomes \xNN; all else stays as it is.
std::string printable(std::string_view text);

}  // namespace tandem
