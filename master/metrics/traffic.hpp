// traffic.hpp: what the loops have counted since the start, summed over them when somebody asks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/base/histogram.hpp"

namespace tandem::master::metrics {

enum class HttpProtocol { http1, http2 };
// How a request ended: the class of the status that was sent, or before any of an answer was.
enum class Outcome { informational, success, redirection, client_error, server_error, closed };
// Why another attempt was made: how the one before it ended.
enum class RetryReason {
  connect,       // there was no connection to the worker
  closed,        // a kept-alive connection had been closed by the worker
  unprocessed,   // the worker says that it did nothing for the request, or cannot
  lost,          // the worker closed or reset without a whole answer
  timeout,       // no answer in time
  bad_response,  // what it sent is no HTTP
  status,        // a status of the service's retry_on
  leadership,    // another master leads
};
// By which rule a second worker was asked beside the first.
enum class HedgeReason { after, p95 };
// How a request left the queue of its service.
enum class QueueEnd {
  served,     // there was room
  timed_out,  // there was none in time
  refused,    // the queue was full
  gone,       // its client went away
};

inline constexpr std::size_t protocols = 2;
inline constexpr std::size_t outcomes = 6;
inline constexpr std::size_t retry_reasons = 8;
inline constexpr std::size_t hedge_reasons = 2;
inline constexpr std::size_t queue_ends = 4;

template <class Enum>
constexpr std::size_t index_of(Enum value) {
  return static_cast<std::size_t>(value);
}

struct ServiceTraffic {
  std::array<std::array<std::uint64_t, outcomes>, protocols> requests{};
  // That another master has answered, which counts them too; what is below leaves them out, but for
  // their own.
  std::array<std::array<std::uint64_t, outcomes>, protocols> passed_on{};
  std::uint64_t attempts = 0;        // at workers
  std::uint64_t request_bytes = 0;   // of bodies that have arrived
  std::uint64_t response_bytes = 0;  // of bodies that were sent to clients
  HistogramSums duration;            // until the last byte was handed to the kernel
  HistogramSums first_byte;          // until the first one was
  HistogramSums passed_on_duration;  // as `duration`
  std::array<std::uint64_t, retry_reasons> retries{};
  std::array<std::uint64_t, hedge_reasons> hedges{};
  std::uint64_t hedges_won = 0;      // answered by the second worker
  std::uint64_t retries_denied = 0;  // retries and hedges for which the budget had nothing left
  std::int64_t budget_left = 0;      // retries that it would pay for, in thousandths
  std::int64_t waiting = 0;          // requests that wait for room
  std::array<std::uint64_t, queue_ends> queue_ended{};
  HistogramSums queued;         // how long those waited that did
  std::uint64_t ejections = 0;  // of workers, for failures in a row
};

struct LoopTraffic {
  std::uint64_t connections = 0;      // of clients, open
  std::uint64_t tls_connections = 0;  // those of them that are secure
  std::uint64_t tls_handshakes = 0;   // under way
  std::uint64_t memory_bytes = 0;     // buffers and clients
  std::uint64_t requests = 0;         // begun since the start
  std::int64_t awaiting_primary = 0;  // requests that wait until somebody leads
};

struct Traffic {
  // By name; "" has what was refused before it had a service.
  std::map<std::string, ServiceTraffic> services;
  std::vector<LoopTraffic> loops;
  std::uint64_t tls_handshakes_done = 0;
  std::uint64_t tls_handshakes_failed = 0;
  std::uint64_t spans_exported = 0;   // of traces, to the collector
  std::uint64_t spans_dropped = 0;    // for want of room
  std::uint64_t spans_refused = 0;    // which the collector did not take
  std::uint64_t access_log_lost = 0;  // requests without a line in the access log
};

}  // namespace tandem::master::metrics
