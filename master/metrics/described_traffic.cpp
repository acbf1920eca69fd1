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

using ByOutcome = std::array<std::array<std::uint64_t, outcomes>, protocols>;

bool has_any(const std::array<std::uint64_t, outcomes>& counts) {
  return std::any_of(counts.begin(), counts.end(), [](auto count) { return count > 0; });
}

void add_by_outcome(Exposition& out, const Traffic& traffic, ByOutcome ServiceTraffic::*which) {
  for (const auto& [name, service] : traffic.services) {
    for (std::size_t protocol = 0; protocol < protocols; ++protocol) {
      if (!has_any(service.requests[protocol]) && !has_any(service.passed_on[protocol])) continue;
      const auto& counts = (service.*which)[protocol];
      // Those that have not occurred yet, too: a rate sees the first one only from a 0 on.
      for (std::size_t outcome = 0; outcome < outcomes; ++outcome) {
        out.add(static_cast<double>(counts[outcome]), {{"service", name},
                                                       {"protocol", protocol_names[protocol]},
                                                       {"status", outcome_names[outcome]}});
      }
    }
  }
}

void describe_requests(Exposition& out, const Traffic& traffic) {
  out.begin(Kind::counter, "tandem_requests_total",
            "Requests of clients that have ended, by the class of the status that was sent; "
            "closed: the client went before any of an answer was");
  add_by_outcome(out, traffic, &ServiceTraffic::requests);
  out.begin(Kind::counter, "tandem_passed_on_requests_total",
            "Requests that were passed on to another master, which has answered and counted them");
  add_by_outcome(out, traffic, &ServiceTraffic::passed_on);
  out.begin(Kind::histogram, "tandem_request_duration_seconds",
            "From the first byte of a request to the last one of its answer");
  for (const auto& [name, service] : traffic.services)
    out.add(service.duration, {{"service", name}});
  out.begin(Kind::histogram, "tandem_passed_on_request_duration_seconds",
            "The same of requests that were passed on to another master");
  for (const auto& [name, service] : traffic.services)
    out.add(service.passed_on_duration, {{"service", name}});
  out.begin(Kind::histogram, "tandem_request_first_byte_seconds",
            "From the first byte of a request to the first one of its answer");
  for (const auto& [name, service] : traffic.services)
    out.add(service.first_byte, {{"service", name}});
  out.begin(Kind::counter, "tandem_attempts_total", "Attempts at workers; retries are among them");
  for (const auto& [name, service] : traffic.services)
    out.add(static_cast<double>(service.attempts), {{"service", name}});
  out.begin(Kind::counter, "tandem_request_body_bytes_total",
            "Bytes of bodies that clients have sent");
  for (const auto& [name, service] : traffic.services)
    out.add(static_cast<double>(service.request_bytes), {{"service", name}});
  out.begin(Kind::counter, "tandem_response_body_bytes_total", "Bytes of bodies sent to clients");
  for (const auto& [name, service] : traffic.services)
    out.add(static_cast<double>(service.response_bytes), {{"service", name}});
}

constexpr std::array<const char*, retry_reasons> retry_reason_names{
    "connect", "closed", "unprocessed", "lost", "timeout", "bad_response", "status", "leadership"};
constexpr std::array<const char*, hedge_reasons> hedge_reason_names{"after", "p95"};
constexpr std::array<const char*, queue_ends> queue_end_names{"served", "timed_out", "refused",
                                                              "gone"};

// Services whose requests came as far as to a worker, or to its queue.
bool was_asked_for(const std::string& name) { return !name.empty(); }

template <std::size_t size>
void add_each(Exposition& out, const std::string& service, const char* label,
              const std::array<std::uint64_t, size>& counts,
              const std::array<const char*, size>& names) {
  for (std::size_t index = 0; index < size; ++index) {
    out.add(static_cast<double>(counts[index]), {{"service", service}, {label, names[index]}});
  }
}

template <class Add>
void for_each_service(const Traffic& traffic, Add add) {
  for (const auto& [name, service] : traffic.services) {
    if (was_asked_for(name)) add(name, service);
  }
}

void describe_repetitions(Exposition& out, const Traffic& traffic) {
  out.begin(Kind::counter, "tandem_retries_total",
            "Attempts after one that failed, by how that ended");
  for_each_service(traffic, [&](const auto& name, const auto& service) {
    add_each(out, name, "reason", service.retries, retry_reason_names);
  });
  out.begin(Kind::counter, "tandem_hedges_total",
            "Second attempts, beside a first one that took long, by the rule");
  for_each_service(traffic, [&](const auto& name, const auto& service) {
    add_each(out, name, "reason", service.hedges, hedge_reason_names);
  });
  out.begin(Kind::counter, "tandem_hedges_won_total", "Those of them that answered first");
  for_each_service(traffic, [&](const auto& name, const auto& service) {
    out.add(static_cast<double>(service.hedges_won), {{"service", name}});
  });
  out.begin(Kind::counter, "tandem_retries_denied_total",
            "Retries and hedges that were not made, for the budget had nothing left");
  for_each_service(traffic, [&](const auto& name, const auto& service) {
    out.add(static_cast<double>(service.retries_denied), {{"service", name}});
  });
  out.begin(Kind::gauge, "tandem_retry_budget_remaining",
            "Retries that the budget would pay for, as of the last second");
  for_each_service(traffic, [&](const auto& name, const auto& service) {
    out.add(static_cast<double>(service.budget_left) / 1000, {{"service", name}});
  });
  out.begin(Kind::counter, "tandem_breaker_ejections_total",
            "Workers whose circuit breaker opened after failures in a row");
  for_each_service(traffic, [&](const auto& name, const auto& service) {
    out.add(static_cast<double>(service.ejections), {{"service", name}});
  });
}

void describe_queues(Exposition& out, const Traffic& traffic) {
  out.begin(Kind::gauge, "tandem_queue_requests", "Requests that wait for room at a worker");
  for_each_service(traffic, [&](const auto& name, const auto& service) {
    out.add(static_cast<double>(service.waiting), {{"service", name}});
  });
  out.begin(Kind::counter, "tandem_queue_ended_total",
            "Requests that found no room at once, by how their waiting ended");
  for_each_service(traffic, [&](const auto& name, const auto& service) {
    add_each(out, name, "result", service.queue_ended, queue_end_names);
  });
  out.begin(Kind::histogram, "tandem_queue_seconds", "How long requests waited for room");
  for_each_service(traffic, [&](const auto& name, const auto& service) {
    out.add(service.queued, {{"service", name}});
  });
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

double sum_of(const Traffic& traffic, auto LoopTraffic::*value) {
  double sum = 0;
  for (const auto& loop : traffic.loops) sum += static_cast<double>(loop.*value);
  return sum;
}

}  // namespace

void describe(Exposition& out, const Traffic& traffic) {
  describe_requests(out, traffic);
  describe_repetitions(out, traffic);
  describe_queues(out, traffic);
  for (const auto& metric : loop_metrics) {
    out.begin(Kind::gauge, metric.name, metric.help);
    for (std::size_t loop = 0; loop < traffic.loops.size(); ++loop) {
      out.add(static_cast<double>(traffic.loops[loop].*metric.value),
              {{"loop", std::to_string(loop)}});
    }
  }
  out.single(Kind::counter, "tandem_requests_begun_total", "Requests of clients that have begun",
             sum_of(traffic, &LoopTraffic::requests));
  out.single(Kind::gauge, "tandem_requests_awaiting_primary",
             "Requests that wait until some master leads",
             sum_of(traffic, &LoopTraffic::awaiting_primary));
  out.begin(Kind::counter, "tandem_tls_handshakes_total", "Handshakes of clients that have ended");
  out.add(static_cast<double>(traffic.tls_handshakes_done), {{"result", "ok"}});
  out.add(static_cast<double>(traffic.tls_handshakes_failed), {{"result", "failed"}});
  out.begin(Kind::counter, "tandem_spans_total",
            "Spans of traces; lost: dropped for want of room, refused by the collector");
  out.add(static_cast<double>(traffic.spans_exported), {{"result", "exported"}});
  out.add(static_cast<double>(traffic.spans_dropped), {{"result", "dropped"}});
  out.add(static_cast<double>(traffic.spans_refused), {{"result", "refused"}});
  out.single(Kind::counter, "tandem_access_log_lost_total",
             "Requests without a line in the access log, for want of room or of a disk",
             static_cast<double>(traffic.access_log_lost));
}

}  // namespace tandem::master::metrics
