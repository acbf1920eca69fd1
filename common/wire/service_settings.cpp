#include "common/wire/service_settings.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/base/duration.hpp"
#include "common/wire/json_reader.hpp"
#include "common/wire/limits.hpp"
#include "common/wire/service_settings_keys.hpp"

namespace tandem::wire {

using namespace settings;

namespace {

using Json = nlohmann::ordered_json;

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

void read_methods(MemberReader& reader, RequestRules& rules) {
  if (reader.is_null("retry_methods")) return;
  auto& methods = rules.retry_methods.emplace();
  for (const auto* element : reader.elements("retry_methods", limits::retry_methods_max)) {
    const auto* name = element->get_ptr<const std::string*>();
    if (name == nullptr || !methods.add(*name)) {
      return reader.refuse("retry_methods",
                           fmt::format("must be an array of methods, each of at most {} capital "
                                       "letters, digits, - and _",
                                       limits::method_name_bytes_max));
    }
  }
}

}  // namespace

void write_rules(const RequestRules& rules, Json& json) {
  if (rules.balance) json["balance"] = to_string(*rules.balance);
  write(rules, rule_durations, rule_numbers, json);
  if (rules.retry_methods) json["retry_methods"] = rules.retry_methods->names();
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
  read_methods(reader, rules);
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

}  // namespace tandem::wire
