// http_date.hpp: dates as HTTP writes them (RFC 9110 §5.6.7). Pure.
#pragma once

#include <ctime>
#include <optional>
#include <string>

namespace tandem {

// "Sun, 06 Nov 1994 08:49:37 GMT"
std::string http_date(std::time_t time);

// That form, and the two obsolete ones; nothing when it is none of them.
std::optional<std::time_t> parse_http_date(const std::string& text);

}  // namespace tandem
