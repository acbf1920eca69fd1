// consul_registration.hpp: what programs send to a Consul agent to register a service or a check,
// read as an agent reads it: names of members in any case, with or without underscores, durations
// as "1m30s"; and what of it masters can do. Pure.
//
// What would change how a service is found or checked, and cannot be done, is refused with a
// sentence; members that only a Consul cluster has a use for are ignored.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.hpp"
#include "master/control/discovery/registration.hpp"

namespace tandem::master {

// PUT /v1/agent/service/register. Of `caller_host`, the numeric address that it came from: where
// the service is, unless it says so. Edition, incarnation and owner are not set. Errors: `invalid`,
// naming the member.
Result<Registration> read_consul_service(std::string_view body, std::string_view caller_host);

// PUT /v1/agent/check/register, for a service at `host`. Which service it is about: first.
Result<std::string> read_consul_service_id(std::string_view body);
Result<RegisteredCheck> read_consul_check(std::string_view body, const std::string& host);

// PUT /v1/agent/check/update/ID.
struct ConsulReport {
  CheckStatus status = CheckStatus::critical;
  std::string output{};
};
Result<ConsulReport> read_consul_report(std::string_view body);

// At most limits::registered_output_bytes_max bytes of it, whole characters.
std::string cut_output(std::string text);

// "1m30s", "1.5h", "10s": as Go writes and reads durations. Errors: `invalid`, naming `field`.
Result<Duration> parse_go_duration(std::string_view text, std::string_view field);

}  // namespace tandem::master
