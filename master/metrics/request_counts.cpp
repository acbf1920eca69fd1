#include "master/metrics/request_counts.hpp"

#include "common/base/assert.hpp"

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

}  // namespace

struct RequestCounts::OfService {
  const std::string name;
  std::array<std::array<Counter, outcomes>, protocols> requests{};
  Counter attempts{};
  Counter response_bytes{};
  Histogram duration{};
  Histogram first_byte{};
};

RequestCounts::RequestCounts() = default;
RequestCounts::~RequestCounts() = default;

void RequestCounts::add(const EndedRequest& request) {
  auto& counts = of(request.service);
  const auto protocol = request.is_http2 ? HttpProtocol::http2 : HttpProtocol::http1;
  counts
      .requests[static_cast<std::size_t>(protocol)]
               [static_cast<std::size_t>(outcome_of(request.status))]
      .add();
  counts.attempts.add(request.attempts);
  counts.response_bytes.add(request.response_bytes);
  counts.duration.observe(request.duration);
  if (request.first_byte > Duration::zero()) counts.first_byte.observe(request.first_byte);
}

RequestCounts::OfService& RequestCounts::of(std::string_view service) {
  if (latest_ != nullptr && latest_->name == service) return *latest_;
  const auto used = used_.load(std::memory_order_relaxed);
  for (std::size_t index = 0; index < used; ++index) {
    if (services_[index]->name == service) return *(latest_ = services_[index].get());
  }
  if (used >= limits::measured_services_max && service != beyond_the_limit) {
    return of(beyond_the_limit);
  }
  TANDEM_ASSERT(used < services_.size());
  services_[used] = std::make_unique<OfService>(std::string(service));
  latest_ = services_[used].get();
  used_.store(used + 1, std::memory_order_release);
  return *latest_;
}

void RequestCounts::add_to(std::map<std::string, ServiceTraffic>& services) const {
  const auto used = used_.load(std::memory_order_acquire);
  for (std::size_t index = 0; index < used; ++index) {
    const auto& counts = *services_[index];
    auto& sums = services[counts.name];
    for (std::size_t protocol = 0; protocol < protocols; ++protocol) {
      for (std::size_t outcome = 0; outcome < outcomes; ++outcome) {
        sums.requests[protocol][outcome] += counts.requests[protocol][outcome].value();
      }
    }
    sums.attempts += counts.attempts.value();
    sums.response_bytes += counts.response_bytes.value();
    counts.duration.add_to(sums.duration);
    counts.first_byte.add_to(sums.first_byte);
  }
}

}  // namespace tandem::master::metrics
