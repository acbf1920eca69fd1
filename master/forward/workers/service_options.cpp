#include "master/forward/workers/service_options.hpp"

namespace tandem::master {

namespace {

template <class Value, class Setting>
void overlay(Value& value, const std::optional<Setting>& setting) {
  if (setting) value = *setting;
}

}  // namespace

RequestOptions overlaid(RequestOptions options, const wire::RequestRules& rules) {
  overlay(options.timeouts.connect, rules.connect_timeout);
  overlay(options.timeouts.response_head, rules.response_timeout);
  overlay(options.timeouts.body_idle, rules.idle_timeout);
  overlay(options.timeouts.request, rules.request_timeout);
  overlay(options.attempts, rules.attempts);
  overlay(options.retry_methods, rules.retry_methods);
  overlay(options.retry_on, rules.retry_on);
  overlay(options.retry_backoff, rules.retry_backoff);
  overlay(options.hedge, rules.hedge_after);
  overlay(options.client_certificate, rules.client_certificate);
  return options;
}

ServiceOptions overlaid(ServiceOptions options, const wire::ServiceSettings& settings) {
  options.requests = overlaid(options.requests, settings.rules);
  overlay(options.policy, settings.rules.balance);
  options.protocol = wire::protocol_of(settings);
  options.announces_clients = wire::announces_clients(settings);
  if (settings.sticky) options.sticky = StickyCookie(*settings.sticky);
  overlay(options.slow_start.over, settings.slow_start);
  overlay(options.breaker.failures_in_a_row, settings.eject_after);
  overlay(options.retry_percent, settings.retry_budget);
  overlay(options.in_flight, settings.in_flight);
  overlay(options.worker_in_flight, settings.worker_in_flight);
  overlay(options.queue, settings.queue);
  overlay(options.requests.timeouts.queue_wait, settings.queue_timeout);
  options.counts_outcomes = settings.eject_success_rate.value_or(0) > 0;
  return options;
}

}  // namespace tandem::master
