#include "common/wire/expected_statuses.hpp"

#include <charconv>

#include <fmt/format.h>

namespace tandem::wire {

namespace {

std::optional<unsigned> status_of(std::string_view text) {
  unsigned status = 0;
  const auto* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, status);
  const bool fits = status >= ExpectedStatuses::first && status <= ExpectedStatuses::last;
  if (parsed.ec != std::errc{} || parsed.ptr != end || !fits) return std::nullopt;
  return status;
}

}  // namespace

std::optional<ExpectedStatuses> ExpectedStatuses::parse(std::string_view text) {
  ExpectedStatuses statuses;
  for (std::size_t at = 0; at < text.size() + 1;) {
    const auto comma = std::min(text.find(',', at), text.size());
    const auto range = text.substr(at, comma - at);
    const auto dash = std::min(range.find('-'), range.size());
    const auto from = status_of(range.substr(0, dash));
    const auto to = dash == range.size() ? from : status_of(range.substr(dash + 1));
    if (!from || !to || *from > *to) return std::nullopt;
    for (auto status = *from; status <= *to; ++status) statuses.bits_.set(status - first);
    at = comma + 1;
  }
  return statuses;
}

std::string ExpectedStatuses::to_string() const {
  std::string text;
  for (auto from = first; from <= last; ++from) {
    if (!contains(from)) continue;
    auto to = from;
    while (contains(to + 1)) ++to;
    if (!text.empty()) text += ',';
    text += from == to ? fmt::format("{}", from) : fmt::format("{}-{}", from, to);
    from = to;
  }
  return text;
}

}  // namespace tandem::wire
