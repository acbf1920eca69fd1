// registration.hpp: an instance of a service that registered as with a Consul agent, and its
// checks; and the document by which masters tell each other of it and keep it on the disk. Pure.
//
// Units: `now` is tandem::now(). Instants mean nothing to another process, so documents state ages.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/base/endpoint.hpp"
#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "master/control/discovery/registered_check.hpp"

namespace tandem::master {

enum class CheckStatus : std::uint8_t { passing, warning, critical };
const char* to_string(CheckStatus status);
std::optional<CheckStatus> parse_check_status(std::string_view word);

// Two masters may be told different things of the same instance. The greater edition counts, on all
// of them.
struct Edition {
  std::uint64_t number = 0;
  std::string node{};  // the master that was told

  friend auto operator<=>(const Edition&, const Edition&) = default;
};

struct RegisteredCheck {
  std::string id;
  std::string name;
  std::string notes{};
  Duration ttl{0};                     // within which the service has to report; 0: it is probed
  std::optional<ProbedCheck> probe{};  // of one that is probed
  std::optional<Duration> deregister_after{};  // once it has been critical for that long
  bool added = false;                          // by itself, after the service

  // Of one that its service reports; of others masters know by their own probes.
  CheckStatus reported = CheckStatus::critical;
  std::string output{};
  Edition edition{};
  Instant at = Instant::never();  // of the report; never: there was none

  // Of what this master knows by itself, and tells nobody.
  Instant critical_since = Instant::never();

  bool is_reported() const { return ttl > Duration::zero(); }
  // REQUIRES: is_reported()
  CheckStatus status(Instant now) const;
  // Why, for people.
  std::string said(Instant now) const;
};

struct RegistrationWeights {
  unsigned passing = 1;
  unsigned warning = 1;
  friend bool operator==(const RegistrationWeights&, const RegistrationWeights&) = default;
};

struct Registration {
  std::string id;         // any text
  std::string worker{};   // the name of the worker that it is
  std::string owner{};    // who registered it; empty: callers are not asked who they are
  std::string service{};  // a name
  std::string incarnation{};
  Endpoint address{};  // numeric
  std::vector<std::string> tags{};
  std::map<std::string, std::string> meta{};
  std::optional<RegistrationWeights> weights{};
  std::vector<RegisteredCheck> checks{};
  Edition edition{};
  // It was deregistered. Kept for a while, so that no other master brings it back.
  bool removed = false;

  // The worst of the checks that are reported; passing without one.
  CheckStatus reported(Instant now) const;
  // What it weighs as a worker.
  unsigned weight(Instant now) const;
  // How masters probe it; unset: not at all. Without any check: whether it accepts connections.
  std::optional<ProbedCheck> probed() const;
  // Of all its texts.
  std::size_t bytes() const;
};

// The id itself if it can be the name of a worker; otherwise one that is like it, and its own.
std::string worker_name_of(std::string_view id);

// All of it, or only the reports of its checks, for who has the rest.
enum class Extent { whole, reports };
nlohmann::ordered_json document_of(const Registration& registration, Extent extent, Instant now);
// A document of either extent: of one with reports alone the service is empty, unless it was
// removed. Errors: `invalid`, naming the member.
Result<Registration> read_registration(const nlohmann::json& json, Instant now);

}  // namespace tandem::master
