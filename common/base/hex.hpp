// hex.hpp: bytes as lower-case hexadecimal digits, two for each, as documents carry them.
//
// Pure. Any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tandem {

std::string to_hex(std::string_view bytes);
// Nothing: an odd number of digits, or something else than lower-case digits.
std::optional<std::string> from_hex(std::string_view digits);

}  // namespace tandem
