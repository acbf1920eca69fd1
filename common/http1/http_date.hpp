// http_date.hpp: dates as HTTP writes them (RFC 9110 §5.6.7). Pure.
#pragma once

#include <array>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

namespace tandem {

// A date as text, without memory of its own.
class HttpDate {
 public:
  // "Sun, 06 Nov 1994 08:49:37 GMT"
  explicit HttpDate(std::time_t time);
  std::string_view text() const { return {text_.data(), length_}; }

 private:
  std::array<char, 40> text_;
  std::size_t length_;
};

// That form, and the two obsolete ones; nothing when it is none of them.
std::optional<std::time_t> parse_http_date(const std::string& text);

}  // namespace tandem
