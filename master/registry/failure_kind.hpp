// failure_kind.hpp: what went wrong between this master and a worker, as forwarding and probes see
// it. A refused connection means that a process has ended; all others are requests that failed.
#pragma once

namespace tandem::master {

enum class FailureKind {
  refused,    // nobody listens there, or the host cannot be reached
  reset,      // the connection broke before an answer
  timed_out,  // no connection, or no answer to a probe, in time
  unhealthy,  // answered a probe as it should not, or with something that is no HTTP
};

constexpr const char* to_string(FailureKind kind) {
  switch (kind) {
    case FailureKind::refused: return "connection refused";
    case FailureKind::reset: return "connection reset";
    case FailureKind::timed_out: return "timed out";
    case FailureKind::unhealthy: return "unhealthy answer";
  }
  return "unknown failure";
}

}  // namespace tandem::master
