// failure_kind.hpp: what went wrong between this master and a worker, as seen by forwarding and
// probes. A refused connection means that a process has ended; all others are failed requests.
#pragma once

namespace tandem::master {

enum class FailureKind {
  refused,    // no process listens there, or the host cannot be reached
  reset,      // the connection broke before an answer
  timed_out,  // no connection, or no answer to a probe, in time
  tls,        // it refuses TLS with this master
  unhealthy,  // answered a probe with an unexpected status, or with something that is not HTTP
};

constexpr const char* to_string(FailureKind kind) {
  switch (kind) {
    case FailureKind::refused: return "connection refused";
    case FailureKind::reset: return "connection reset";
    case FailureKind::timed_out: return "timed out";
    case FailureKind::tls: return "refuses TLS with this master";
    case FailureKind::unhealthy: return "unhealthy answer";
  }
  return "unknown failure";
}

}  // namespace tandem::master
