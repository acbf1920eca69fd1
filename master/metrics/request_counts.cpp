#include "master/metrics/request_counts.hpp"

#include "common/base/assert.hpp"
#include "common/base/clock.hpp"

namespace tandem::master::metrics {

namespace {

constexpr std::string_view beyond_the_limit = "other";
constexpr unsigned closed_by_client = 499;

Outcome outcome_of(unsigned status) {
  if (status == closed_by_client) return Outcome::closed;
  switch (status / 100) {
    case 1: return Outcome::informational;
    case 2: return Outcome::success;
    case 3: return Outcome::redirection;
    case 4: return Outcome::client_error;
    default: return Outcome::server_error;
  }
}

template <std::size_t size>
void add_all(const std::array<Counter, size>& counts, std::array<std::uint64_t, size>& sums) {
  for (std::size_t index = 0; index < size; ++index) sums[index] += counts[index].value();
}

}  // namespace

void ServiceCounts::add_to(ServiceTraffic& sums) const {
  for (std::size_t protocol = 0; protocol < protocols; ++protocol) {
    add_all(requests[protocol], sums.requests[protocol]);
    add_all(passed_on[protocol], sums.passed_on[protocol]);
  }
  sums.attempts += attempts.value();
  sums.request_bytes += request_bytes.value();
  sums.response_bytes += response_bytes.value();
  duration.add_to(sums.duration);
  first_byte.add_to(sums.first_byte);
  passed_on_duration.add_to(sums.passed_on_duration);
  add_all(retries, sums.retries);
  add_all(hedges, sums.hedges);
  sums.hedges_won += hedges_won.value();
  sums.retries_denied += retries_denied.value();
  sums.budget_left += budget_left.value();
  sums.waiting += waiting.value();
  add_all(queue_ended, sums.queue_ended);
  queued.add_to(sums.queued);
  sums.ejections += ejections.value();
}

QueueStay::~QueueStay() {
  if (since_ == Instant()) return;
  counts_.waiting.add(-1);
  counts_.queue_ended[index_of(end_)].add();
  counts_.queued.observe(now() - since_);
}

void QueueStay::begin() {
  since_ = now();
  counts_.waiting.add(1);
}

RequestCounts::RequestCounts() = default;
RequestCounts::~RequestCounts() = default;

void RequestCounts::add(const EndedRequest& request) {
  auto& counts = of(request.service);
  const auto protocol = request.is_http2 ? HttpProtocol::http2 : HttpProtocol::http1;
  auto& by_outcome = (request.passed_on ? counts.passed_on : counts.requests)[index_of(protocol)];
  by_outcome[index_of(outcome_of(request.status))].add();
  if (request.passed_on) return counts.passed_on_duration.observe(request.duration);
  counts.attempts.add(request.attempts);
  if (request.request_bytes > 0) counts.request_bytes.add(request.request_bytes);
  counts.response_bytes.add(request.response_bytes);
  counts.duration.observe(request.duration);
  if (request.first_byte > Duration::zero()) counts.first_byte.observe(request.first_byte);
}

ServiceCounts& RequestCounts::of(std::string_view service) {
  if (latest_ != nullptr && latest_->name == service) return *latest_;
  const auto used = used_.load(std::memory_order_relaxed);
  for (std::size_t index = 0; index < used; ++index) {
    if (services_[index]->name == service) return *(latest_ = services_[index].get());
  }
  if (used >= limits::measured_services_max && service != beyond_the_limit) {
    return of(beyond_the_limit);
  }
  TANDEM_ASSERT(used < services_.size());
  services_[used] = std::make_unique<ServiceCounts>(service);
  latest_ = services_[used].get();
  used_.store(used + 1, std::memory_order_release);
  return *latest_;
}

void RequestCounts::add_to(std::map<std::string, ServiceTraffic>& services) const {
  const auto used = used_.load(std::memory_order_acquire);
  for (std::size_t index = 0; index < used; ++index) {
    services_[index]->add_to(services[services_[index]->name]);
  }
}

}  // namespace tandem::master::metrics
