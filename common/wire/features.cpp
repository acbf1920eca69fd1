#include "common/wire/features.hpp"

#include <charconv>
#include <optional>

#include <fmt/format.h>

namespace tandem::wire {

namespace {

constexpr std::string_view level_parameter = ";level=";

std::optional<FeatureLevel> read_level(std::string_view text) {
  constexpr std::size_t digits_max = 9;
  std::uint64_t level = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), level);
  const bool is_whole = error == std::errc() && end == text.data() + text.size();
  if (!is_whole || text.size() > digits_max || level == 0) return std::nullopt;
  return FeatureLevel(level);
}

}  // namespace

std::string to_string(const Features& features) {
  return fmt::format("{}{}{}", features.can, level_parameter, features.level);
}

Features parse_features(std::string_view field) {
  const auto place = field.find(level_parameter);
  if (place == field.npos) return {};
  const auto can = read_level(field.substr(0, place));
  const auto level = read_level(field.substr(place + level_parameter.size()));
  if (!can || !level || *level > *can) return {};
  return {*can, *level};
}

}  // namespace tandem::wire
