// service_settings.hpp: PUT /v1/services/NAME/settings: how a service is balanced and its requests
// are treated. Where a setting is unset, the master's flags apply, as for all services.
//
//   {"balance": "consistent_hash:header=X-User", "request_timeout_ms": 2000, "attempts": 2,
//    "retry_on": [502, 503], "worker_in_flight": 32}
//
// The same, one by one, as people write it on a command line: "request_timeout=2s". Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "common/wire/certificate_demand.hpp"
#include "common/wire/expected_statuses.hpp"
#include "common/wire/method_set.hpp"
#include "common/wire/policy_spec.hpp"
#include "common/wire/proxy_protocol.hpp"
#include "common/wire/status_set.hpp"
#include "common/wire/sticky_spec.hpp"
#include "common/wire/worker_protocol.hpp"

namespace tandem::wire {

class MemberReader;

// When a second worker is asked because the first takes long: after a fixed time, or after the 95th
// percentile of response times.
struct Hedge {
  enum class When { never, after, p95 };
  When when = When::never;
  Duration after{0};

  bool is_on() const { return when != When::never; }
  friend bool operator==(const Hedge&, const Hedge&) = default;
};

// The settings that a route may have too, for the requests that it matches.
struct RequestRules {
  std::optional<PolicySpec> balance;        // which worker: as --balance
  std::optional<Duration> connect_timeout;  // to a worker; then the next one is tried
  std::optional<Duration>
      response_timeout;  // of a try: the request's last byte to the response head; 504
  std::optional<Duration> idle_timeout;  // between two reads or writes of a body
  std::optional<Duration>
      request_timeout;               // of the whole request, all tries together: 504; 0: none
  std::optional<unsigned> attempts;  // how many workers may see a request; 1: never a second one
  std::optional<MethodSet> retry_methods;  // those that may be sent again
  std::optional<StatusSet> retry_on;       // answers of a worker after which another one is tried
  std::optional<Duration> retry_backoff;   // before the second try after such an answer, at most
  std::optional<Hedge> hedge_after;        // "50ms", "p95" or "off"
  std::optional<CertificateDemand> client_certificate;  // which a client must have: 403

  friend bool operator==(const RequestRules&, const RequestRules&) = default;
};

// To add a setting: a member here or in RequestRules, a row in service_settings_table.cpp, its use.
struct ServiceSettings {
  RequestRules rules{};
  std::optional<WorkerProtocol> protocol;  // of workers that do not say what they speak
  std::optional<StickySpec> sticky;
  std::optional<Duration> slow_start;
  std::optional<unsigned> eject_after;       // failures in a row; 0: never
  std::optional<unsigned> retry_budget;      // in percent of the requests
  std::optional<unsigned> in_flight;         // requests at all workers together; 0: unlimited
  std::optional<unsigned> worker_in_flight;  // requests at one worker; 0: as many as connections
  std::optional<unsigned> queue;             // requests that wait, on each forwarding loop
  std::optional<Duration> queue_timeout;     // how long one may wait: 503
  // A worker is ejected when its success rate is this far below the others': in thousandths of a
  // standard deviation; 0: never
  std::optional<unsigned> eject_success_rate;
  // Health checks of workers that do not heartbeat and, if check_workers is set, of those that do.
  std::optional<CheckKind> check;
  std::optional<std::string> check_path;
  std::optional<Duration> check_interval;
  std::optional<Duration> check_timeout;
  std::optional<unsigned> check_healthy;    // good ones in a row before it gets traffic
  std::optional<unsigned> check_unhealthy;  // bad ones in a row until it is down
  std::optional<ExpectedStatuses> check_status;
  std::optional<bool> check_workers;
  // TLS to its workers; without upstream_tls the others mean nothing.
  std::optional<bool> upstream_tls;
  std::optional<std::string> upstream_ca;       // a file of the master's; unset: the system's
  std::optional<std::string> upstream_name;     // in the certificate; unset: the worker's address
  std::optional<std::string> upstream_cert;     // CERTIFICATE.pem,KEY.pem, shown to workers
  std::optional<ProxyProtocol> proxy_protocol;  // whether they are told whose connection it is

  friend bool operator==(const ServiceSettings&, const ServiceSettings&) = default;
};

// What is spoken to workers that say nothing: HTTP/2 also where only gRPC is checked.
WorkerProtocol protocol_of(const ServiceSettings& settings);

// Whether workers are told first whose connection it is.
bool announces_clients(const ServiceSettings& settings);
// Errors: `invalid`: settings that contradict each other.
Result<> validate(const ServiceSettings& settings);

std::string to_json(const ServiceSettings& settings);
// Errors: `invalid`, naming the member.
Result<ServiceSettings> parse_service_settings(std::string_view json);

// Adds the members of `rules` to a document that also has others.
void write_rules(const RequestRules& rules, nlohmann::ordered_json& json);
void read_rules(MemberReader& reader, RequestRules& rules);
void write_settings(const ServiceSettings& settings, nlohmann::ordered_json& json);
void read_settings(MemberReader& reader, ServiceSettings& settings);

// Reads one setting, KEY=VALUE: durations with their unit, lists as "502,503". Errors: `invalid`,
// naming `field` and the possible values.
Result<> parse_setting(std::string_view text, std::string_view field, ServiceSettings& settings);

// All settings that are set, each as parse_setting() reads it.
std::vector<std::string> to_texts(const ServiceSettings& settings);

// The help texts of a setting, from service_settings_table.hpp.
struct SettingHelp {
  std::string key;
  std::string values;
  std::string unsaid;
  std::string meaning;
  bool of_routes = false;  // a route may have it too
};
std::vector<SettingHelp> setting_help();
// The same for the default file: a table [service.NAME] with all of them.
std::string settings_as_table();
// The same, as lines for --help.
std::string settings_help();

// A service's name and one of its settings: NAME:KEY=VALUE, the form of --service.
struct NamedSetting {
  std::string service;
  std::string setting;
};
Result<NamedSetting> parse_service_flag(std::string_view text, std::string_view flag);

}  // namespace tandem::wire
