#include "master/events/event_id.hpp"

#include <charconv>

#include <fmt/format.h>

#include "common/base/name.hpp"

namespace tandem::master {

namespace {

template <class Number>
bool read(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

std::optional<LogPosition> read_position(std::string_view text) {
  const auto dot = text.find('.');
  std::uint64_t term = 0;
  std::uint64_t index = 0;
  if (dot == text.npos || !read(text.substr(0, dot), term) || !read(text.substr(dot + 1), index)) {
    return std::nullopt;
  }
  return LogPosition{Term(term), LogIndex(index)};
}

}  // namespace

std::string to_string(const EventId& id) {
  auto text = fmt::format("{}.{}", id.position.term, id.position.index);
  if (id.is_local()) text += fmt::format("+{}.{}", id.node, id.number);
  return text;
}

std::optional<EventId> parse_event_id(std::string_view text) {
  const auto plus = text.find('+');
  const auto position = read_position(text.substr(0, plus));
  if (!position) return std::nullopt;
  EventId id{.position = *position};
  if (plus == text.npos) return id;
  const auto local = text.substr(plus + 1);
  const auto dot = local.rfind('.');  // names may have dots
  if (dot == local.npos || !is_name(local.substr(0, dot))) return std::nullopt;
  id.node = local.substr(0, dot);
  if (!read(local.substr(dot + 1), id.number) || id.number < 0) return std::nullopt;
  return id;
}

}  // namespace tandem::master
