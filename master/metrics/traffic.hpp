// traffic.hpp: what the loops have counted since the start, summed over them when somebody asks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "master/metrics/histogram.hpp"

namespace tandem::master::metrics {

enum class HttpProtocol { http1, http2 };
// How a request ended: the class of the status that was sent, or before any of an answer was.
enum class Outcome { informational, success, redirection, client_error, server_error, closed };

inline constexpr std::size_t protocols = 2;
inline constexpr std::size_t outcomes = 6;

struct ServiceTraffic {
  std::array<std::array<std::uint64_t, outcomes>, protocols> requests{};
  std::uint64_t attempts = 0;        // at workers
  std::uint64_t response_bytes = 0;  // of bodies that were sent to clients
  HistogramSums duration;            // until the last byte was handed to the kernel
  HistogramSums first_byte;          // until the first one was
};

struct LoopTraffic {
  std::uint64_t connections = 0;      // of clients, open
  std::uint64_t tls_connections = 0;  // those of them that are secure
  std::uint64_t tls_handshakes = 0;   // under way
  std::uint64_t memory_bytes = 0;     // buffers and clients
};

struct Traffic {
  // By name; "" has what was refused before it had a service.
  std::map<std::string, ServiceTraffic> services;
  std::vector<LoopTraffic> loops;
  std::uint64_t retries = 0;
  std::uint64_t hedges = 0;
  std::uint64_t access_log_lost = 0;  // requests without a line in the access log
};

}  // namespace tandem::master::metrics
