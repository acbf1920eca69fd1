// What the loops have counted.
#include "master/metrics/described.hpp"

#include <algorithm>
#include <array>

namespace tandem::master::metrics {

namespace {

using Kind = Exposition::Kind;

constexpr std::array<const char*, protocols> protocol_names{"http1", "http2"};
constexpr std::array<const char*, outcomes> outcome_names{"1xx", "2xx", "3xx",
                                                          "4xx", "5xx", "closed"};

void describe_requests(Exposition& out, const Traffic& traffic) {
  out.begin(Kind::counter, "tandem_requests_total",
            "Requests of clients that have ended, by the class of the status that was sent; "
            "closed: the client went before any of an answer was");
  for (const auto& [name, service] : traffic.services) {
    for (std::size_t protocol = 0; protocol < protocols; ++protocol) {
      const auto& counts = service.requests[protocol];
      if (std::all_of(counts.begin(), counts.end(), [](auto count) { return count == 0; }))
        continue;
      // Those that have not occurred yet, too: a rate sees the first one only from a 0 on.
      for (std::size_t outcome = 0; outcome < outcomes; ++outcome) {
        out.add(static_cast<double>(counts[outcome]), {{"service", name},
                                                       {"protocol", protocol_names[protocol]},
                                                       {"status", outcome_names[outcome]}});
      }
    }
  }
  out.begin(Kind::histogram, "tandem_request_duration_seconds",
            "From the first byte of a request to the last one of its answer");
  for (const auto& [name, service] : traffic.services)
    out.add(service.duration, {{"service", name}});
  out.begin(Kind::histogram, "tandem_request_first_byte_seconds",
            "From the first byte of a request to the first one of its answer");
  for (const auto& [name, service] : traffic.services)
    out.add(service.first_byte, {{"service", name}});
  out.begin(Kind::counter, "tandem_attempts_total", "Attempts at workers; retries are among them");
  for (const auto& [name, service] : traffic.services)
    out.add(static_cast<double>(service.attempts), {{"service", name}});
  out.begin(Kind::counter, "tandem_response_body_bytes_total", "Bytes of bodies sent to clients");
  for (const auto& [name, service] : traffic.services)
    out.add(static_cast<double>(service.response_bytes), {{"service", name}});
}

struct LoopMetric {
  const char* name;
  const char* help;
  std::uint64_t LoopTraffic::*value;
};

constexpr std::array loop_metrics{
    LoopMetric{"tandem_client_connections", "Connections of clients that are open",
               &LoopTraffic::connections},
    LoopMetric{"tandem_client_tls_connections", "Those of them that are secure",
               &LoopTraffic::tls_connections},
    LoopMetric{"tandem_client_tls_handshakes", "Handshakes of TLS that are under way",
               &LoopTraffic::tls_handshakes},
    LoopMetric{"tandem_forwarding_memory_bytes", "Memory that buffers and clients take",
               &LoopTraffic::memory_bytes},
};

}  // namespace

void describe(Exposition& out, const Traffic& traffic) {
  describe_requests(out, traffic);
  for (const auto& metric : loop_metrics) {
    out.begin(Kind::gauge, metric.name, metric.help);
    for (std::size_t loop = 0; loop < traffic.loops.size(); ++loop) {
      out.add(static_cast<double>(traffic.loops[loop].*metric.value),
              {{"loop", std::to_string(loop)}});
    }
  }
  out.single(Kind::counter, "tandem_retries_total", "Attempts after a first one that failed",
             static_cast<double>(traffic.retries));
  out.single(Kind::counter, "tandem_hedges_total",
             "Second attempts, beside a first one that took long",
             static_cast<double>(traffic.hedges));
  out.single(Kind::counter, "tandem_access_log_lost_total",
             "Requests without a line in the access log, for want of room or of a disk",
             static_cast<double>(traffic.access_log_lost));
}

}  // namespace tandem::master::metrics
