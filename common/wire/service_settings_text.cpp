// Settings as people write them on a command line: KEY=VALUE.
#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/base/duration.hpp"
#include "common/base/name.hpp"
#include "common/wire/service_settings_keys.hpp"

namespace tandem::wire {

using namespace settings;

namespace {

// Of what somebody wrote, in sentences.
constexpr std::size_t shown_max = 64;

struct Setting {
  std::string_view key;
  std::string_view value;
  std::string_view field;

  Error refuse(std::string_view must) const {
    return invalid(
        fmt::format("{}: {} must be {}, not \"{}\"", field, key, must, value.substr(0, shown_max)),
        std::string(field));
  }
};

std::optional<unsigned> whole_number(std::string_view text) {
  unsigned number = 0;
  const auto* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return number;
}

// False: `setting` is none of these.
template <class Owner, std::size_t durations_count, std::size_t numbers_count>
bool parse(const Setting& setting, Owner& owner,
           const std::array<DurationKey<Owner>, durations_count>& durations,
           const std::array<NumberKey<Owner>, numbers_count>& numbers, Result<>& result) {
  for (const auto& key : durations) {
    if (setting.key != key.key) continue;
    const auto parsed = parse_duration(setting.value, setting.key);
    if (!parsed || *parsed < key.min || *parsed > key.max) {
      result = setting.refuse(
          fmt::format("{} to {}", tandem::to_string(key.min), tandem::to_string(key.max)));
    } else {
      owner.*key.value = *parsed;
    }
    return true;
  }
  for (const auto& key : numbers) {
    if (setting.key != key.key) continue;
    const auto number = whole_number(setting.value);
    if (!number || *number < key.min || *number > key.max) {
      result = setting.refuse(fmt::format("a whole number from {} to {}", key.min, key.max));
    } else {
      owner.*key.value = *number;
    }
    return true;
  }
  return false;
}

Result<> parse_statuses(const Setting& setting, RequestRules& rules) {
  StatusSet statuses;
  for (std::size_t at = 0; at < setting.value.size() + 1 && !setting.value.empty();) {
    const auto comma = std::min(setting.value.find(',', at), setting.value.size());
    const auto status = whole_number(setting.value.substr(at, comma - at));
    if (!status || !StatusSet::admits(*status)) {
      return setting.refuse(status_range() + " with commas between");
    }
    statuses.add(*status);
    at = comma + 1;
  }
  rules.retry_on = statuses;
  return {};
}

std::string known_keys() {
  std::vector<std::string_view> keys{"balance", "retry_methods", "retry_on", "hedge_after",
                                     "check_workers"};
  for (const auto& key : rule_durations) keys.push_back(key.key);
  for (const auto& key : rule_numbers) keys.push_back(key.key);
  for (const auto& key : durations) keys.push_back(key.key);
  for (const auto& key : numbers) keys.push_back(key.key);
  for (const auto& key : texts) keys.push_back(key.key);
  return fmt::format("{}", fmt::join(keys, ", "));
}

}  // namespace

Result<> parse_setting(std::string_view text, std::string_view field, ServiceSettings& settings) {
  const auto equals = text.find('=');
  if (equals == text.npos) {
    return invalid(fmt::format("{} must be KEY=VALUE, not \"{}\"", field, text.substr(0, 64)),
                   std::string(field));
  }
  const Setting setting{text.substr(0, equals), text.substr(equals + 1), field};
  if (setting.key == "balance") {
    auto policy = parse_policy(setting.value, fmt::format("{}: balance", field));
    if (!policy) return policy.error();
    settings.rules.balance = std::move(*policy);
    return {};
  }
  for (const auto& key : texts) {
    if (setting.key != key.key) continue;
    auto changed = settings;
    if (!key.read(setting.value, changed)) return setting.refuse(key.must);
    settings = std::move(changed);
    return {};
  }
  if (setting.key == "check_workers") {
    if (setting.value != "true" && setting.value != "false") {
      return setting.refuse("true or false");
    }
    settings.check_workers = setting.value == "true";
    return {};
  }
  if (setting.key == "hedge_after") {
    settings.rules.hedge_after = parse_hedge(setting.value);
    if (!settings.rules.hedge_after) return setting.refuse(hedge_forms());
    return {};
  }
  if (setting.key == "retry_methods") {
    const auto methods = MethodSet::parse(setting.value);
    if (!methods) return setting.refuse(MethodSet::forms());
    settings.rules.retry_methods = *methods;
    return {};
  }
  if (setting.key == "retry_on") return parse_statuses(setting, settings.rules);
  Result<> result;
  if (parse(setting, settings.rules, rule_durations, rule_numbers, result)) return result;
  if (parse(setting, settings, durations, numbers, result)) return result;
  return invalid(fmt::format("{}: there is no setting \"{}\"; there are {}", field,
                             setting.key.substr(0, shown_max), known_keys()),
                 std::string(field));
}

std::vector<std::string> to_texts(const ServiceSettings& settings) {
  std::vector<std::string> lines;
  const auto add = [&](std::string_view key, std::string_view value) {
    lines.push_back(fmt::format("{}={}", key, value));
  };
  const auto add_all = [&](const auto& owner, const auto& duration_keys, const auto& number_keys) {
    for (const auto& key : duration_keys) {
      if (const auto& value = owner.*key.value) add(key.key, tandem::to_string(*value));
    }
    for (const auto& key : number_keys) {
      if (const auto& value = owner.*key.value) add(key.key, std::to_string(*value));
    }
  };
  const auto& rules = settings.rules;
  if (rules.balance) add("balance", to_string(*rules.balance));
  add_all(rules, rule_durations, rule_numbers);
  if (rules.retry_methods) add("retry_methods", rules.retry_methods->to_string());
  if (rules.retry_on) add("retry_on", fmt::format("{}", fmt::join(listed(*rules.retry_on), ",")));
  if (rules.hedge_after) add("hedge_after", to_string(*rules.hedge_after));
  add_all(settings, durations, numbers);
  for (const auto& key : texts) {
    if (const auto text = key.write(settings)) add(key.key, *text);
  }
  if (settings.check_workers) add("check_workers", *settings.check_workers ? "true" : "false");
  return lines;
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
