#include "common/wire/request_key_spec.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace tandem::wire {

namespace {

constexpr std::size_t token_length_max = 64;

}  // namespace

bool is_token(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  };
  return !text.empty() && text.size() <= token_length_max &&
         std::all_of(text.begin(), text.end(), allowed);
}

Result<RequestKeySpec> parse_request_key(std::string_view text, std::string_view field) {
  const auto equals = text.find('=');
  const auto kind = text.substr(0, equals);
  const bool named = equals != text.npos;
  if (kind == "address" && !named) return RequestKeySpec{KeySource::address};
  if (kind == "path" && !named) return RequestKeySpec{KeySource::path};
  if ((kind == "header" || kind == "cookie") && named && is_token(text.substr(equals + 1))) {
    return RequestKeySpec{kind == "header" ? KeySource::header : KeySource::cookie,
                          std::string(text.substr(equals + 1))};
  }
  return invalid(fmt::format("{} must be address, path, header=NAME or cookie=NAME, not \"{}\"",
                             field, text.substr(0, token_length_max)),
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
