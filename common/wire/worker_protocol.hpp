// worker_protocol.hpp: what a worker speaks, and how it is asked whether it is well. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tandem::wire {

enum class WorkerProtocol : std::uint8_t { http1, http2 };

std::optional<WorkerProtocol> parse_worker_protocol(std::string_view text);
const char* to_string(WorkerProtocol protocol);

// "http": a GET of a path, in the worker's protocol. "grpc": grpc.health.v1.Health/Check, always
// over HTTP/2, of the server as a whole; "grpc:NAME": of the service that it knows by that name.
struct CheckKind {
  bool is_grpc = false;
  std::string service{};  // of grpc; empty: the server as a whole

  static std::optional<CheckKind> parse(std::string_view text);
  // What parse() must be given, for sentences.
  static std::string forms();
  std::string to_string() const;  // as parse() reads it

  friend bool operator==(const CheckKind&, const CheckKind&) = default;
};

}  // namespace tandem::wire
