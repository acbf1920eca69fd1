// json_text.hpp: text that a stranger may have sent as a string of JSON. Pure.
#pragma once

#include <string>
#include <string_view>

namespace tandem {

// Appends `text` between quotes: quotes, backslashes and control characters (C0, C1, DEL) are
// escaped, and a byte that is no UTF-8 (RFC 3629) appears as \u00XX. So the result is always JSON
// (RFC 8259 §7), and harmless on a terminal.
void append_json_text(std::string& out, std::string_view text);

}  // namespace tandem
