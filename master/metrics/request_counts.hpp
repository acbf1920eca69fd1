// request_counts.hpp: the requests of one loop, by service.
//
// A service is found by its name, which is nearly always that of the request before; the first
// request of a service makes its counters, which stay. Owner: add(), of() and for_each() the loop,
// the rest any thread.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/histogram.hpp"
#include "master/metrics/limits.hpp"
#include "master/metrics/traffic.hpp"

namespace tandem::master::metrics {

struct EndedRequest {
  std::string_view service;  // empty: it was refused before it had one
  bool is_http2 = false;
  bool passed_on = false;  // another master has answered it, and counts it
  unsigned status = 0;     // 499: the client closed before any of an answer was sent
  unsigned attempts = 0;
  std::uint64_t request_bytes = 0;
  std::uint64_t response_bytes = 0;
  Duration duration{0};
  Duration first_byte{0};  // 0: no answer was begun
};

// Of one service at one loop, which counts; what each means: ServiceTraffic.
struct ServiceCounts {
  explicit ServiceCounts(std::string_view service) : name(service) {}
  void add_to(ServiceTraffic& sums) const;

  const std::string name;
  std::array<std::array<Counter, outcomes>, protocols> requests{};
  std::array<std::array<Counter, outcomes>, protocols> passed_on{};
  Counter attempts;
  Counter request_bytes;
  Counter response_bytes;
  Histogram duration;
  Histogram first_byte;
  Histogram passed_on_duration;
  std::array<Counter, retry_reasons> retries{};
  std::array<Counter, hedge_reasons> hedges{};
  Counter hedges_won;
  Counter retries_denied;
  Gauge budget_left;
  Gauge waiting;
  std::array<Counter, queue_ends> queue_ended{};
  Histogram queued;
  Counter ejections;
};

class RequestCounts {
 public:
  RequestCounts();
  ~RequestCounts();
  RequestCounts(const RequestCounts&) = delete;
  RequestCounts& operator=(const RequestCounts&) = delete;

  void add(const EndedRequest& request);
  // Those of the service, or of "other" beyond limits::measured_services_max. They stay.
  ServiceCounts& of(std::string_view service);
  template <class Visit>
  void for_each(Visit visit) {
    const auto used = used_.load(std::memory_order_relaxed);
    for (std::size_t index = 0; index < used; ++index) visit(*services_[index]);
  }
  void add_to(std::map<std::string, ServiceTraffic>& services) const;

 private:
  // The first `used_` are there, and stay as they are.
  std::array<std::unique_ptr<ServiceCounts>, limits::measured_services_max + 1> services_;
  std::atomic<std::size_t> used_{0};
  ServiceCounts* latest_ = nullptr;
};

// The stay of one request in its service's queue, if it comes to one. Owner: the loop.
class QueueStay {
 public:
  explicit QueueStay(ServiceCounts& counts) : counts_(counts) {}
  ~QueueStay();
  QueueStay(const QueueStay&) = delete;
  QueueStay& operator=(const QueueStay&) = delete;

  void begin();
  // How it will have ended; QueueEnd::gone if nothing is said.
  void ends(QueueEnd end) { end_ = end; }
  // The queue had no place for it. REQUIRES: it has not begun
  void refused() { counts_.queue_ended[index_of(QueueEnd::refused)].add(); }

 private:
  ServiceCounts& counts_;
  Instant since_;  // the boot of the machine: it has not begun
  QueueEnd end_ = QueueEnd::gone;
};

}  // namespace tandem::master::metrics
