#include "common/http1/http_date.hpp"

namespace tandem {

namespace {

constexpr const char* fixdate = "%a, %d %b %Y %H:%M:%S GMT";

}  // namespace

HttpDate::HttpDate(std::time_t time) {
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  length_ = std::strftime(text_.data(), text_.size(), fixdate, &parts);
}

std::optional<std::time_t> parse_http_date(const std::string& text) {
  for (const char* format : {fixdate, "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"}) {
    std::tm parts{};
    const char* end = ::strptime(text.c_str(), format, &parts);
    if (end != nullptr && *end == '\0') return ::timegm(&parts);
  }
  return std::nullopt;
}

}  // namespace tandem
