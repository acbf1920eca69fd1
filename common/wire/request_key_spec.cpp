#include "common/wire/request_key_spec.hpp"

#include <fmt/format.h>

#include "common/http1/field_text.hpp"

namespace tandem::wire {

namespace {

constexpr std::size_t key_name_bytes_max = 64;

}  // namespace

bool is_key_name(std::string_view text) {
  return text.size() <= key_name_bytes_max && is_token(text);
}

Result<RequestKeySpec> parse_request_key(std::string_view text, std::string_view field) {
  const auto equals = text.find('=');
  const auto kind = text.substr(0, equals);
  const bool named = equals != text.npos;
  if (kind == "address" && !named) return RequestKeySpec{KeySource::address};
  if (kind == "path" && !named) return RequestKeySpec{KeySource::path};
  if ((kind == "header" || kind == "cookie") && named && is_key_name(text.substr(equals + 1))) {
    return RequestKeySpec{kind == "header" ? KeySource::header : KeySource::cookie,
                          std::string(text.substr(equals + 1))};
  }
  return invalid(fmt::format("{} must be address, path, header=NAME or cookie=NAME, not \"{}\"",
                             field, text.substr(0, key_name_bytes_max)),
                 std::string(field));
}

std::string to_string(const RequestKeySpec& key) {
  switch (key.source) {
    case KeySource::address: return "address";
    case KeySource::path: return "path";
    case KeySource::header: return "header=" + key.name;
    case KeySource::cookie: return "cookie=" + key.name;
  }
  assertion_failed("a known key", __FILE__, __LINE__);
}

}  // namespace tandem::wire
