// grpc.hpp: what a gateway has to know of gRPC calls (gRPC over HTTP2, PROTOCOL-HTTP2.md): which
// requests are calls, how long they may take, and how an error of the gateway's own is told. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/base/time.hpp"
#include "common/http1/http_head.hpp"

namespace tandem::master {

// A POST whose Content-Type is application/grpc, alone or followed by '+' or ';'. REQUIRES: it came
// over HTTP/2, if not here, then to the master that has passed it on.
bool is_grpc_call(const RequestHead& request);

// The Content-Type of such a call.
bool is_grpc_type(std::string_view content_type);
// Among the fields there is such a Content-Type.
bool has_grpc_type(std::span<const Field> fields);

// "grpc-timeout", from 0 to 99,999,999 of a unit; nothing: there is none, or it is malformed.
std::optional<Duration> grpc_timeout(const RequestHead& request);
// The value for what is left, in milliseconds, rounded up; at most eight digits.
std::string grpc_timeout_text(Duration left);

// "/package.Service/Method": the path, without what may follow it.
std::string_view grpc_method(const RequestHead& request);

// The status of a trailers-only answer whose server does not forbid to repeat the call
// (grpc-retry-pushback-ms, gRFC A6); nothing: it is another answer.
std::optional<unsigned> grpc_status_worth_another_try(const ResponseHead& answer);

// What the status of an answer of the gateway's own stands for (http-grpc-status-mapping.md), but
// that limits are told as such.
enum class GrpcStatus : unsigned {
  cancelled = 1,
  unknown = 2,
  deadline_exceeded = 4,
  permission_denied = 7,
  resource_exhausted = 8,
  unimplemented = 12,
  internal = 13,
  unavailable = 14,
  unauthenticated = 16,
};
GrpcStatus grpc_status_of(unsigned http_status);
// What the code of RST_STREAM stands for (PROTOCOL-HTTP2.md, "Errors").
GrpcStatus grpc_status_of_reset(std::uint32_t code);

// "grpc-message": percent-encoded, but for what is printable ASCII and no percent sign.
std::string grpc_message_text(std::string_view message);

}  // namespace tandem::master
