// service_settings_keys.hpp: every setting of a service: what it is called, how it is written and
// what it may be. Internal to service_settings*.cpp; to add one, add it here or beside those that
// are written in a way of their own. Ranges are inclusive. Pure.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/limits.hpp"
#include "common/wire/limits.hpp"
#include "common/wire/service_settings.hpp"

namespace tandem::wire::settings {

// A setting by its name on a command line and in a document.
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

inline constexpr Duration long_max = limits::request_timeout_settable_max;

inline constexpr std::array<DurationKey<RequestRules>, 5> rule_durations{{
    {"connect_timeout", "connect_timeout_ms", &RequestRules::connect_timeout, 1ms, 1min},
    {"response_timeout", "response_timeout_ms", &RequestRules::response_timeout, 1ms, long_max},
    {"idle_timeout", "idle_timeout_ms", &RequestRules::idle_timeout, 1ms, long_max},
    {"request_timeout", "request_timeout_ms", &RequestRules::request_timeout, 0ms, long_max},
    {"retry_backoff", "retry_backoff_ms", &RequestRules::retry_backoff, 0ms, 10s},
}};
inline constexpr std::array<NumberKey<RequestRules>, 1> rule_numbers{{
    {"attempts", &RequestRules::attempts, 1, limits::attempts_settable_max},
}};
inline constexpr std::array<DurationKey<ServiceSettings>, 4> durations{{
    {"slow_start", "slow_start_ms", &ServiceSettings::slow_start, 0ms, 1h},
    {"queue_timeout", "queue_timeout_ms", &ServiceSettings::queue_timeout, 0ms, 10min},
    {"check_interval", "check_interval_ms", &ServiceSettings::check_interval, 10ms, 1h},
    {"check_timeout", "check_timeout_ms", &ServiceSettings::check_timeout, 10ms, 1min},
}};
inline constexpr std::array<NumberKey<ServiceSettings>, 7> numbers{{
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
extern const std::array<TextKey, 5> texts;

std::optional<Hedge> parse_hedge(std::string_view text);
std::string to_string(const Hedge& hedge);
std::string hedge_forms();  // for sentences
std::string status_range();
std::vector<unsigned> listed(const StatusSet& statuses);

}  // namespace tandem::wire::settings
