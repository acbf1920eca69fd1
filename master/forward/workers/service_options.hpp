// service_options.hpp: how a service is balanced and its requests are treated: what the master's
// flags say for all, and over it what is said for the service, and for a route to it.
#pragma once

#include <cstddef>

#include "common/wire/service_settings.hpp"
#include "master/balance/circuit_breaker.hpp"
#include "master/balance/retry_budget.hpp"
#include "master/balance/slow_start.hpp"
#include "master/balance/sticky_cookie.hpp"
#include "master/forward/workers/limits.hpp"
#include "master/forward/workers/timeouts.hpp"

namespace tandem::master {

struct RequestOptions {
  ForwardTimeouts timeouts;
  unsigned attempts = limits::attempts_max;  // that a worker may see
  wire::MethodSet retry_methods = wire::MethodSet::idempotent();
  wire::StatusSet retry_on;  // an answer with one of these is tried elsewhere if that is possible
  Duration retry_backoff = limits::retry_backoff;
  wire::Hedge hedge;
  wire::CertificateDemand client_certificate;
};

struct ServiceOptions {
  wire::PolicySpec policy;
  wire::WorkerProtocol protocol = wire::WorkerProtocol::http1;
  bool announces_clients = false;  // workers of HTTP/1 are told whose connection it is
  StickyCookie sticky;
  SlowStart slow_start;
  CircuitBreaker breaker;
  RequestOptions requests;
  unsigned retry_percent = RetryBudget::percent;
  unsigned in_flight = 0;         // requests at all workers together, all loops; 0: any
  unsigned worker_in_flight = 0;  // requests at one worker, all loops; 0: any
  std::size_t queue = limits::queue_requests_max;  // per loop
  bool counts_outcomes = false;                    // for the registry, which ejects by success rate
};

// The options with the rules or settings that are given; those take precedence.
RequestOptions overlaid(RequestOptions options, const wire::RequestRules& rules);
ServiceOptions overlaid(ServiceOptions options, const wire::ServiceSettings& settings);

}  // namespace tandem::master
