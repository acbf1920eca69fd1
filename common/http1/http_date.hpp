// http_date.hpp: dates in HTTP's formats (RFC 9110 §5.6.7). Pure.
#pragma once

#include <array>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

namespace tandem {

// The text of a date, which allocates no memory.
class HttpDate {
 public:
  // "Sun, 06 Nov 1994 08:49:37 GMT"
  explicit HttpDate(std::time_t time);
  std::string_view text() const { return {text_.data(), length_}; }

 private:
  std::array<char, 40> text_;
  std::size_t length_;
};

// Parses that format and the two obsolete ones; nothing for any other text.
std::optional<std::time_t> parse_http_date(const std::string& text);

}  // namespace tandem
