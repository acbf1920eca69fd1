// grpc_health.hpp: grpc.health.v1.Health/Check (gRPC Health Checking Protocol), as a request and
// what its answer means. Its two messages have one field each, and are written and read by hand.
// Pure.
#pragma once

#include <string>
#include <string_view>

#include "common/base/time.hpp"
#include "common/http2/http2_call.hpp"

namespace tandem {

// `service`: empty: the server as a whole. `timeout`: told to the server, at least a millisecond.
Http2Request grpc_health_request(std::string_view service, Duration timeout);

// Empty: it is SERVING. Else why it does not count as healthy, for people.
std::string grpc_health_problem(const Http2Answer& answer);

}  // namespace tandem
