// service_settings.hpp: PUT /v1/services/NAME/settings: how a service is balanced and its requests
// are treated. For what is missing the master's flags apply, as for all services.
//
//   {"balance": "consistent_hash:header=X-User", "request_timeout_ms": 2000, "attempts": 2,
//    "retry_on": [502, 503], "worker_in_flight": 32}
//
// The same, one by one, as people write it on a command line: "request_timeout=2s". Pure.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "common/wire/expected_statuses.hpp"
#include "common/wire/method_set.hpp"
#include "common/wire/policy_spec.hpp"
#include "common/wire/sticky_spec.hpp"

namespace tandem::wire {

class MemberReader;

// Statuses from 400 to 599.
class StatusSet {
 public:
  static constexpr unsigned first = 400;
  static constexpr unsigned last = 599;

  static bool admits(unsigned status) { return status >= first && status <= last; }
  // REQUIRES: admits(status)
  void add(unsigned status) { bits_.set(status - first); }
  bool contains(unsigned status) const { return admits(status) && bits_.test(status - first); }
  bool empty() const { return bits_.none(); }

  friend bool operator==(const StatusSet&, const StatusSet&) = default;

 private:
  std::bitset<last - first + 1> bits_;
};

// When a second worker is asked because the first takes long: after a time, or after what all but
// one in twenty requests take.
struct Hedge {
  enum class When { never, after, p95 };
  When when = When::never;
  Duration after{0};

  bool is_on() const { return when != When::never; }
  friend bool operator==(const Hedge&, const Hedge&) = default;
};

// What a route may say too, for the requests that it leads.
struct RequestRules {
  std::optional<PolicySpec> balance;        // which worker: as --balance
  std::optional<Duration> connect_timeout;  // to a worker; then the next one is tried
  std::optional<Duration>
      response_timeout;  // of a try: the request's last byte to the response head; 504
  std::optional<Duration> idle_timeout;     // between two reads or writes of a body
  std::optional<Duration> request_timeout;  // of the whole, all tries together: 504; 0: none
  std::optional<unsigned> attempts;         // that a worker may see; 1: never a second
  std::optional<MethodSet> retry_methods;   // that a worker may be sent a second time
  std::optional<StatusSet> retry_on;        // these answers of a worker are worth another try
  std::optional<Duration> retry_backoff;    // before the second try after such an answer, at most
  std::optional<Hedge> hedge_after;         // "50ms", "p95" or "off"

  friend bool operator==(const RequestRules&, const RequestRules&) = default;
};

// What the workers of a service speak.
enum class WorkerProtocol : std::uint8_t { http1, http2 };

// To add a setting: a member here or in RequestRules, a row in service_settings_table.cpp, its use.
struct ServiceSettings {
  RequestRules rules{};
  std::optional<WorkerProtocol> protocol;
  std::optional<StickySpec> sticky;
  std::optional<Duration> slow_start;
  std::optional<unsigned> eject_after;       // failures in a row; 0: never
  std::optional<unsigned> retry_budget;      // percent of the requests
  std::optional<unsigned> in_flight;         // requests at all workers together; 0: any
  std::optional<unsigned> worker_in_flight;  // requests at one worker; 0: as many as connections
  std::optional<unsigned> queue;             // requests that wait, on each forwarding loop
  std::optional<Duration> queue_timeout;     // how long one may wait: 503
  // So far below the others' a worker's success rate is when it is ejected: thousandths of a
  // standard deviation; 0: never
  std::optional<unsigned> eject_success_rate;
  // Health checks (GET), of workers that do not heartbeat, and of the others if check_workers.
  std::optional<std::string> check_path;
  std::optional<Duration> check_interval;
  std::optional<Duration> check_timeout;
  std::optional<unsigned> check_healthy;    // good ones in a row before it gets traffic
  std::optional<unsigned> check_unhealthy;  // bad ones in a row until it is down
  std::optional<ExpectedStatuses> check_status;
  std::optional<bool> check_workers;

  friend bool operator==(const ServiceSettings&, const ServiceSettings&) = default;
};

std::string to_json(const ServiceSettings& settings);
// Errors: `invalid`, naming the member.
Result<ServiceSettings> parse_service_settings(std::string_view json);

// The members of `rules` within a document that has others.
void write_rules(const RequestRules& rules, nlohmann::ordered_json& json);
void read_rules(MemberReader& reader, RequestRules& rules);
void write_settings(const ServiceSettings& settings, nlohmann::ordered_json& json);
void read_settings(MemberReader& reader, ServiceSettings& settings);

// One setting, written KEY=VALUE: durations with their unit, lists as "502,503". Errors:
// `invalid`, naming `field` and what there is.
Result<> parse_setting(std::string_view text, std::string_view field, ServiceSettings& settings);

// All that is said, each as parse_setting() reads it.
std::vector<std::string> to_texts(const ServiceSettings& settings);

// What is told of a setting, as service_settings_table.hpp has it.
struct SettingHelp {
  std::string key;
  std::string values;
  std::string unsaid;
  std::string meaning;
  bool of_routes = false;  // a route may say it too
};
std::vector<SettingHelp> setting_help();
// The same as lines for --help.
std::string settings_help();

// A service's name and one of its settings: NAME:KEY=VALUE, as --service has it.
struct NamedSetting {
  std::string service;
  std::string setting;
};
Result<NamedSetting> parse_service_flag(std::string_view text, std::string_view flag);

}  // namespace tandem::wire
