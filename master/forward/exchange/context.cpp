#include "master/forward/exchange/context.hpp"

#include <random>

#include "common/base/clock.hpp"
#include "common/base/limits.hpp"
#include "master/forward/access_log/log.hpp"
#include "master/forward/exchange/limits.hpp"
#include "master/forward/exchange/primary_route.hpp"
#include "master/forward/tracing/tracer.hpp"

namespace tandem::master {

namespace {

AccessRing* ring_of(const ForwardOptions& options, unsigned index) {
  return options.access_log == nullptr ? nullptr : &options.access_log->ring(index);
}

SpanRing* spans_of(const ForwardOptions& options, unsigned index) {
  return options.tracer == nullptr ? nullptr : options.tracer->ring(index);
}

// Of the memory that the buffers of one loop may take, what it keeps while nobody needs it.
std::size_t spare_of(const ForwardOptions& options) {
  constexpr auto any = static_cast<std::size_t>(-1);
  return options.memory == 0 ? any : options.memory / options.threads / 8;
}

}  // namespace

Context::Context(unsigned index, const ForwardOptions& options, const SharedByLoops& shared,
                 std::function<void(Shed)> shed)
    : index_(index),
      options_(options),
      shared_(shared),
      rate_limiter_(shared.rate_limiter),
      challenges_(shared.challenges),
      shed_(std::move(shed)),
      buffers_(spare_of(options_)),
      wheel_(now()),
      services_(io_, wheel_,
                {.loop = index,
                 .loops = options_.threads,
                 .options = options_.services,
                 .policies = options_.policies,
                 .latencies = &latencies_,
                 .ask_for_room = shared_.ask_for_room,
                 .offer_room = shared_.offer_room}),
      tests_(io_, wheel_, options_.report_failure),
      leftovers_(wheel_, buffers_, response_heads_, services_, timeouts().leftover_answer),
      via_(options_.via),
      primary_route_(std::make_unique<PrimaryRoute>(*this)),
      random_(std::random_device{}()),
      access_ring_(ring_of(options_, index)),
      spans_(spans_of(options_, index)) {}

Context::~Context() = default;

void Context::apply(const SnapshotPtr& snapshot) {
  assert_here();
  if (snapshot->routes != nullptr) routes_ = snapshot->routes;
  if (!snapshot->via.empty()) via_ = snapshot->via;
  services_.apply(snapshot);
}

void Context::adopt(const RenewedOptions& renewed) {
  assert_here();
  options_ = renewed.options;
  rate_limiter_ = renewed.rate_limiter;
  challenges_ = renewed.challenges;
  access_ring_ = ring_of(options_, index_);
  spans_ = spans_of(options_, index_);
  buffers_.keep_spare(spare_of(options_));
  services_.use_defaults(options_.services);
}

void Context::publish(const LeadershipPtr& leadership) {
  const bool led = primary_route_->leadership().is_primary;
  primary_route_->publish(leadership);
  // The workers have as many connections to give to the next primary.
  if (led && !leadership->is_primary) services_.close_idle_before(Instant::forever());
}

void Context::tick(Instant now) {
  wheel_.advance(now);
  primary_route_->look_at_gate(now);
}

void Context::sweep() {
  const auto oldest = wheel_.coarse_now() - limits::upstream_idle_max;
  services_.close_idle_before(oldest);
  primary_route_->service().close_idle_before(oldest);
  services_.forget_departed();
  request_counts_.for_each([this](metrics::ServiceCounts& counts) {
    auto* const service = services_.find(counts.name);
    const double left = service == nullptr ? 0 : service->retries_left();
    counts.budget_left.set(static_cast<std::int64_t>(left * 1000));
  });
}

void Context::refuse_all() {
  services_.refuse_all();
  primary_route_->refuse_all();
  tests_.abort();
  leftovers_.abort();
}

void Context::clear() {
  services_.clear();
  primary_route_.reset();
}

std::size_t Context::memory_in_use() const {
  const auto of = [](const auto& count, std::size_t bytes) {
    return count.load(std::memory_order_relaxed) * bytes;
  };
  return buffers_.borrowed_bytes() + stream_memory_.bytes_in_use() +
         of(counters_.client_connections, limits::client_connection_bytes) +
         of(counters_.tls_connections, limits::tls_connection_bytes) +
         of(counters_.tls_handshakes, limits::tls_handshake_bytes);
}

// A loop within its share looks at nobody else's.
Context::Memory Context::memory() const {
  const auto budget = options_.memory;
  const auto scarce = budget - budget / 8;
  if (budget == 0 || memory_in_use() * options_.threads < scarce) return Memory::ample;
  const auto all = shared_.memory_in_use();
  if (all < scarce) return Memory::ample;
  return all < budget ? Memory::scarce : Memory::exhausted;
}

void Context::shed_idle(Shed what) {
  const auto now = coarse_now();
  if (now == shed_at_) return;
  shed_at_ = now;
  shed_(what);
}

Buffer Context::borrow_to_stream(std::size_t arrived) {
  const bool needs_large = arrived > limits::buffer_bytes;
  return needs_large || memory() != Memory::exhausted ? buffers_.borrow_large() : buffers_.borrow();
}

}  // namespace tandem::master
