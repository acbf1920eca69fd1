#include "master/forward/tracing/tracer.hpp"

#include <pthread.h>
#include <signal.h>

#include <chrono>

#include <fmt/format.h>

#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "common/http/blocking_client.hpp"
#include "master/forward/tracing/otlp.hpp"

namespace tandem::master {

namespace {

Duration boot_since_1970() {
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<Duration>(wall) - now().since_boot();
}

}  // namespace

Tracer::Tracer(TracingOptions options, std::string node, unsigned loops)
    : options_(std::move(options)), node_(std::move(node)) {
  if (!options_.collector) return;
  for (unsigned loop = 0; loop < loops; ++loop) rings_.push_back(std::make_unique<SpanRing>());
  batch_.reserve(limits::spans_sent_at_once);
  client_ = std::make_unique<BlockingClient>(
      *options_.collector, BlockingClientOptions{.connect_max = limits::collector_connect_max,
                                                 .answer_max = limits::collector_answer_max});
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread_.native_handle(), "tracing");
}

Tracer::~Tracer() {
  if (!thread_.joinable()) return;
  {
    const Lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

std::uint64_t Tracer::dropped() const {
  std::uint64_t sum = 0;
  for (const auto& ring : rings_) sum += ring->dropped();
  return sum;
}

void Tracer::run() {
  while (pause()) send_all();
  if (takes_) send_all();
}

// False: it is time to end.
bool Tracer::pause() {
  Lock lock(mutex_);
  return !wake_.wait_for(lock.native(), limits::spans_sent_every,
                         [this]() TANDEM_REQUIRES(mutex_) { return stopping_; });
}

// Until the rings are empty, or the collector takes no more.
void Tracer::send_all() {
  while (take_some()) {
    const bool taken = send();
    (taken ? exported_ : refused_).add(batch_.size());
    batch_.clear();
    if (!taken) return;
  }
}

bool Tracer::take_some() {
  Span span;
  for (const auto& ring : rings_) {
    while (batch_.size() < limits::spans_sent_at_once && ring->take(span)) batch_.push_back(span);
  }
  return !batch_.empty();
}

bool Tracer::send() {
  const auto outcome = client_->ask({.method = "POST",
                                     .target = options_.path,
                                     .fields = "Content-Type: application/json\r\n",
                                     .body = to_otlp(batch_, node_, boot_since_1970())});
  const bool taken = outcome.answered() && outcome.answer.status / 100 == 2;
  tell(taken, outcome.answered() ? fmt::format("status {}", outcome.answer.status) : outcome.why);
  return taken;
}

// Only what has changed: a collector may be away for days.
void Tracer::tell(bool taken, const std::string& why) {
  if (taken == takes_) return;
  takes_ = taken;
  if (taken) {
    log::info("spans are taken again collector={}", options_.collector->to_string());
  } else {
    log::warn("spans are lost collector={} reason=\"{}\"", options_.collector->to_string(), why);
  }
}

}  // namespace tandem::master
