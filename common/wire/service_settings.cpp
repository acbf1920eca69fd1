#include "common/wire/service_settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "common/base/duration.hpp"
#include "common/base/limits.hpp"
#include "common/base/name.hpp"
#include "common/wire/json_reader.hpp"

namespace tandem::wire {

namespace {

using Json = nlohmann::ordered_json;

// A setting by its name on a command line and in a document. Ranges are inclusive.
template <class Owner>
struct DurationKey {
  const char* key;
  const char* member;
  std::optional<Duration> Owner::*value;
  Duration min;
  Duration max;
};
template <class Owner>
struct NumberKey {
  const char* key;
  std::optional<unsigned> Owner::*value;
  unsigned min;
  unsigned max;
};

// Of what somebody wrote, in sentences.
constexpr std::size_t shown_max = 64;

constexpr Duration long_max = limits::request_timeout_settable_max;

constexpr std::array<DurationKey<RequestRules>, 5> rule_durations{{
    {"connect_timeout", "connect_timeout_ms", &RequestRules::connect_timeout, 1ms, 1min},
    {"response_timeout", "response_timeout_ms", &RequestRules::response_timeout, 1ms, long_max},
    {"idle_timeout", "idle_timeout_ms", &RequestRules::idle_timeout, 1ms, long_max},
    {"request_timeout", "request_timeout_ms", &RequestRules::request_timeout, 0ms, long_max},
    {"retry_backoff", "retry_backoff_ms", &RequestRules::retry_backoff, 0ms, 10s},
}};
constexpr std::array<NumberKey<RequestRules>, 1> rule_numbers{{
    {"attempts", &RequestRules::attempts, 1, limits::attempts_settable_max},
}};
constexpr std::array<DurationKey<ServiceSettings>, 4> durations{{
    {"slow_start", "slow_start_ms", &ServiceSettings::slow_start, 0ms, 1h},
    {"queue_timeout", "queue_timeout_ms", &ServiceSettings::queue_timeout, 0ms, 10min},
    {"check_interval", "check_interval_ms", &ServiceSettings::check_interval, 10ms, 1h},
    {"check_timeout", "check_timeout_ms", &ServiceSettings::check_timeout, 10ms, 1min},
}};
constexpr std::array<NumberKey<ServiceSettings>, 7> numbers{{
    {"eject_after", &ServiceSettings::eject_after, 0, 1000},
    {"retry_budget", &ServiceSettings::retry_budget, 0, 100},
    {"in_flight", &ServiceSettings::in_flight, 0, limits::in_flight_settable_max},
    {"worker_in_flight", &ServiceSettings::worker_in_flight, 0, limits::worker_connections_max},
    {"queue", &ServiceSettings::queue, 0, limits::queue_settable_max},
    {"check_healthy", &ServiceSettings::check_healthy, 1, 100},
    {"check_unhealthy", &ServiceSettings::check_unhealthy, 1, 100},
}};

// A setting that is written in the same way in a document and on a command line: how `text` is
// read, false when it is none; how it is written, nothing when it is unsaid; what it must be.
struct TextKey {
  const char* key;
  bool (*read)(std::string_view text, ServiceSettings& settings);
  std::optional<std::string> (*write)(const ServiceSettings& settings);
  const char* must;
};

bool read_cookie_name(std::string_view text, ServiceSettings& settings) {
  settings.sticky = text;
  return text.empty() || is_token(text);
}

bool read_check_path(std::string_view text, ServiceSettings& settings) {
  settings.check_path = text;
  const auto is_printable = [](char c) { return c > ' ' && c <= '~' && c != '#'; };
  return text.starts_with('/') && text.size() <= limits::route_prefix_bytes_max &&
         std::all_of(text.begin(), text.end(), is_printable);
}

bool read_check_status(std::string_view text, ServiceSettings& settings) {
  settings.check_status = ExpectedStatuses::parse(text);
  return settings.check_status.has_value();
}

// "off", or how many standard deviations, to three places: 1.9 is 1900.
bool read_factor(std::string_view text, ServiceSettings& settings) {
  constexpr unsigned min = 500;
  constexpr unsigned max = 10'000;
  auto& thousandths = settings.eject_success_rate.emplace(0);
  if (text == "off") return true;
  bool in_fraction = false;
  int places = 0;
  for (const char c : text) {
    if (c == '.' && !in_fraction) {
      in_fraction = true;
    } else if (c < '0' || c > '9' || thousandths > max || (in_fraction && ++places > 3)) {
      return false;
    } else {
      thousandths = thousandths * 10 + static_cast<unsigned>(c - '0');
    }
  }
  for (; places < 3; ++places) thousandths *= 10;
  return thousandths >= min && thousandths <= max && text.front() != '.' && text.back() != '.';
}

std::string factor_text(unsigned thousandths) {
  if (thousandths == 0) return "off";
  auto text = fmt::format("{}.{:03}", thousandths / 1000, thousandths % 1000);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

constexpr std::array<TextKey, 4> texts{{
    {"sticky", read_cookie_name, [](const ServiceSettings& settings) { return settings.sticky; },
     "a name that a cookie can have, or empty"},
    {"check_path", read_check_path,
     [](const ServiceSettings& settings) { return settings.check_path; },
     "a path that begins with /, without spaces"},
    {"check_status", read_check_status,
     [](const ServiceSettings& settings) -> std::optional<std::string> {
       if (!settings.check_status) return std::nullopt;
       return settings.check_status->to_string();
     },
     "statuses from 100 to 599 such as 200-399,404"},
    {"eject_success_rate", read_factor,
     [](const ServiceSettings& settings) -> std::optional<std::string> {
       if (!settings.eject_success_rate) return std::nullopt;
       return factor_text(*settings.eject_success_rate);
     },
     "off, or a number of standard deviations from 0.5 to 10"},
}};

std::string status_range() {
  return fmt::format("statuses from {} to {}", StatusSet::first, StatusSet::last);
}

std::vector<unsigned> listed(const StatusSet& statuses) {
  std::vector<unsigned> list;
  for (auto status = StatusSet::first; status <= StatusSet::last; ++status) {
    if (statuses.contains(status)) list.push_back(status);
  }
  return list;
}

constexpr Duration hedge_min = 1ms;
constexpr Duration hedge_max = 1min;

std::optional<Hedge> parse_hedge(std::string_view text) {
  if (text == "off") return Hedge{};
  if (text == "p95") return Hedge{.when = Hedge::When::p95};
  const auto after = parse_duration(text, "hedge_after");
  if (!after || *after < hedge_min || *after > hedge_max) return std::nullopt;
  return Hedge{.when = Hedge::When::after, .after = *after};
}

std::string to_string(const Hedge& hedge) {
  switch (hedge.when) {
    case Hedge::When::never: return "off";
    case Hedge::When::p95: return "p95";
    case Hedge::When::after: return tandem::to_string(hedge.after);
  }
  assertion_failed("a known hedge", __FILE__, __LINE__);
}

std::string hedge_forms() {
  return fmt::format("off, p95, or {} to {}", tandem::to_string(hedge_min),
                     tandem::to_string(hedge_max));
}

// ---- documents

template <class Owner, std::size_t durations_count, std::size_t numbers_count>
void write(const Owner& owner, const std::array<DurationKey<Owner>, durations_count>& durations,
           const std::array<NumberKey<Owner>, numbers_count>& numbers, Json& json) {
  for (const auto& key : durations) {
    if (const auto& value = owner.*key.value) json[key.member] = to_ms(*value);
  }
  for (const auto& key : numbers) {
    if (const auto& value = owner.*key.value) json[key.key] = *value;
  }
}

template <class Owner, std::size_t durations_count, std::size_t numbers_count>
void read(MemberReader& reader, Owner& owner,
          const std::array<DurationKey<Owner>, durations_count>& durations,
          const std::array<NumberKey<Owner>, numbers_count>& numbers) {
  for (const auto& key : durations) {
    if (reader.is_null(key.member)) continue;
    std::int64_t ms = 0;
    reader.number(key.member, ms, static_cast<std::uint64_t>(to_ms(key.min)),
                  static_cast<std::uint64_t>(to_ms(key.max)));
    owner.*key.value = std::chrono::milliseconds(ms);
  }
  for (const auto& key : numbers) {
    if (reader.is_null(key.key)) continue;
    reader.number(key.key, (owner.*key.value).emplace(), key.min, key.max);
  }
}

void read_statuses(MemberReader& reader, RequestRules& rules) {
  if (reader.is_null("retry_on")) return;
  auto& statuses = rules.retry_on.emplace();
  constexpr std::size_t count_max = StatusSet::last - StatusSet::first + 1;
  for (const auto* element : reader.elements("retry_on", count_max)) {
    const bool fits = element->is_number_unsigned() &&
                      element->get<std::uint64_t>() <= StatusSet::last &&
                      StatusSet::admits(element->get<unsigned>());
    if (!fits) return reader.refuse("retry_on", "must be an array of " + status_range());
    statuses.add(element->get<unsigned>());
  }
}

// ---- command lines

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

// Nothing: `setting` is none of these.
template <class Owner, std::size_t durations_count, std::size_t numbers_count>
std::optional<Result<>> parse(const Setting& setting, Owner& owner,
                              const std::array<DurationKey<Owner>, durations_count>& durations,
                              const std::array<NumberKey<Owner>, numbers_count>& numbers) {
  for (const auto& key : durations) {
    if (setting.key != key.key) continue;
    const auto parsed = parse_duration(setting.value, setting.key);
    if (!parsed || *parsed < key.min || *parsed > key.max) {
      return setting.refuse(
          fmt::format("{} to {}", tandem::to_string(key.min), tandem::to_string(key.max)));
    }
    owner.*key.value = *parsed;
    return Result<>();
  }
  for (const auto& key : numbers) {
    if (setting.key != key.key) continue;
    const auto number = whole_number(setting.value);
    if (!number || *number < key.min || *number > key.max) {
      return setting.refuse(fmt::format("a whole number from {} to {}", key.min, key.max));
    }
    owner.*key.value = *number;
    return Result<>();
  }
  return std::nullopt;
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
  std::vector<std::string_view> keys{"balance", "retry_on", "hedge_after", "check_workers"};
  for (const auto& key : rule_durations) keys.push_back(key.key);
  for (const auto& key : rule_numbers) keys.push_back(key.key);
  for (const auto& key : durations) keys.push_back(key.key);
  for (const auto& key : numbers) keys.push_back(key.key);
  for (const auto& key : texts) keys.push_back(key.key);
  return fmt::format("{}", fmt::join(keys, ", "));
}

}  // namespace

void write_rules(const RequestRules& rules, Json& json) {
  if (rules.balance) json["balance"] = to_string(*rules.balance);
  write(rules, rule_durations, rule_numbers, json);
  if (rules.retry_on) json["retry_on"] = listed(*rules.retry_on);
  if (rules.hedge_after) json["hedge_after"] = to_string(*rules.hedge_after);
}

void read_rules(MemberReader& reader, RequestRules& rules) {
  if (!reader.is_null("balance")) {
    std::string text;
    reader.text("balance", text);
    auto policy = parse_policy(text, reader.path_of("balance"));
    if (policy) {
      rules.balance = std::move(*policy);
    } else if (!reader.failed()) {
      reader.refuse(policy.error());
    }
  }
  read(reader, rules, rule_durations, rule_numbers);
  read_statuses(reader, rules);
  if (!reader.is_null("hedge_after")) {
    std::string text;
    reader.text("hedge_after", text);
    rules.hedge_after = parse_hedge(text);
    if (!rules.hedge_after) reader.refuse("hedge_after", "must be " + hedge_forms());
  }
}

void write_settings(const ServiceSettings& settings, Json& json) {
  write_rules(settings.rules, json);
  write(settings, durations, numbers, json);
  for (const auto& key : texts) {
    if (const auto text = key.write(settings)) json[key.key] = *text;
  }
  if (settings.check_workers) json["check_workers"] = *settings.check_workers;
}

void read_settings(MemberReader& reader, ServiceSettings& settings) {
  read_rules(reader, settings.rules);
  read(reader, settings, durations, numbers);
  for (const auto& key : texts) {
    if (reader.is_null(key.key)) continue;
    std::string text;
    reader.text(key.key, text);
    if (!reader.failed() && !key.read(text, settings)) {
      reader.refuse(key.key, fmt::format("must be {}", key.must));
    }
  }
  if (!reader.is_null("check_workers")) {
    reader.boolean("check_workers", settings.check_workers.emplace());
  }
}

std::string to_json(const ServiceSettings& settings) {
  auto json = Json::object();
  write_settings(settings, json);
  return dump(json);
}

Result<ServiceSettings> parse_service_settings(std::string_view text) {
  const auto json = parse_object(text, limits::control_body_bytes_max);
  if (!json) return json.error();
  ServiceSettings settings;
  MemberReader reader(*json);
  read_settings(reader, settings);
  if (const auto read = reader.finish(UnknownMembers::refuse); !read) return read.error();
  return settings;
}

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
  if (setting.key == "retry_on") return parse_statuses(setting, settings.rules);
  if (auto parsed = parse(setting, settings.rules, rule_durations, rule_numbers)) return *parsed;
  if (auto parsed = parse(setting, settings, durations, numbers)) return *parsed;
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
