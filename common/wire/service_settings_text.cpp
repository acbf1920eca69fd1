// Settings as people write them on a command line, KEY=VALUE, and their help texts.
#include <fmt/format.h>

#include "common/base/name.hpp"
#include "common/wire/limits.hpp"
#include "common/wire/service_settings_table.hpp"

namespace tandem::wire {

namespace {

// Calls visit(row, owner) for each row with the part of `settings` that it belongs to.
template <class Settings, class Visit>
void for_each_row(Settings& settings, Visit visit) {
  for (const auto& row : rule_rows()) visit(row, settings.rules);
  for (const auto& row : service_rows()) visit(row, settings);
}

std::string known_keys() {
  std::string keys;
  const ServiceSettings none;
  for_each_row(
      none, [&](const auto& row, const auto&) { keys += keys.empty() ? row.key : ", " + row.key; });
  return keys;
}

}  // namespace

Result<> parse_setting(std::string_view text, std::string_view field, ServiceSettings& settings) {
  const auto equals = text.find('=');
  if (equals == text.npos) {
    return invalid(fmt::format("{} must be KEY=VALUE, not \"{}\"", field, text.substr(0, 64)),
                   std::string(field));
  }
  const auto key = text.substr(0, equals);
  const auto value = text.substr(equals + 1);
  std::optional<Result<>> result;
  for_each_row(settings, [&](const auto& row, auto& owner) {
    if (row.key == key) result = row.read(value, fmt::format("{}: {}", field, key), owner);
  });
  if (!result) {
    return invalid(fmt::format("{}: there is no setting \"{}\"; there are {}", field,
                               key.substr(0, limits::shown_text_max), known_keys()),
                   std::string(field));
  }
  if (!*result) return invalid(result->error().message, std::string(field));
  return {};
}

std::vector<std::string> to_texts(const ServiceSettings& settings) {
  std::vector<std::string> lines;
  for_each_row(settings, [&](const auto& row, const auto& owner) {
    if (const auto value = row.write(owner)) lines.push_back(fmt::format("{}={}", row.key, *value));
  });
  return lines;
}

std::vector<SettingHelp> setting_help() {
  std::vector<SettingHelp> all;
  const ServiceSettings none;
  for_each_row(none, [&](const auto& row, const auto& owner) {
    const bool of_routes = std::is_same_v<decltype(owner), const RequestRules&>;
    all.push_back({row.key, row.values, row.unsaid, row.meaning, of_routes});
  });
  return all;
}

std::string settings_help() {
  std::string text = "Settings of a service, KEY=VALUE:\n";
  for (const auto& [key, values, unsaid, meaning, of_routes] : setting_help()) {
    std::string line = fmt::format("  {:<19} {}: {} (default {})", key, values, meaning, unsaid);
    std::erase(line, '`');
    text += line + "\n";
  }
  return text;
}

std::string settings_as_table() {
  std::string text =
      "Settings of a service, which take precedence over the keys above; each as text, a number or "
      "an array:\n[service.NAME]\n";
  for (const auto& [key, values, unsaid, meaning, of_routes] : setting_help()) {
    std::string line = fmt::format("{} = ...  {}: {} (default {})", key, values, meaning, unsaid);
    std::erase(line, '`');
    text += line + "\n";
  }
  return text;
}

Result<NamedSetting> parse_service_flag(std::string_view text, std::string_view flag) {
  const auto colon = text.find(':');
  if (colon == text.npos) {
    return invalid(fmt::format("{} must be NAME:KEY=VALUE, not \"{}\"", flag, text.substr(0, 64)),
                   std::string(flag));
  }
  auto service = parse_name(text.substr(0, colon), flag);
  if (!service) return service.error();
  return NamedSetting{std::move(*service), std::string(text.substr(colon + 1))};
}

}  // namespace tandem::wire
