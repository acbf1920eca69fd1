#include "master/control/query.hpp"

#include <charconv>

#include <fmt/ranges.h>

namespace tandem::master {

namespace {

constexpr std::size_t quoted_bytes_max = 64;

}  // namespace

std::string percent_decoded(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    const auto* digits = text.data() + i + 1;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2) {
      result += static_cast<char>(value);
      i += 2;
    } else {
      result += text[i];
    }
  }
  return result;
}

Result<QueryParameters> parse_query(std::string_view query,
                                    std::initializer_list<std::string_view> known) {
  QueryParameters parameters;
  while (!query.empty()) {
    const auto part = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(part.size() + 1, query.size()));
    const auto equals = std::min(part.find('='), part.size());
    const std::string name(part.substr(0, equals));
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      const auto quoted = name.substr(0, quoted_bytes_max);
      return invalid(
          fmt::format("{} is not a parameter here, only {}", quoted, fmt::join(known, " and ")),
          quoted);
    }
    const auto value = part.substr(std::min(equals + 1, part.size()));
    if (!parameters.emplace(name, percent_decoded(value)).second) {
      return invalid(fmt::format("{} is given twice", name), name);
    }
  }
  return parameters;
}

}  // namespace tandem::master
