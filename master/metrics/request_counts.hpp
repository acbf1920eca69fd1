// request_counts.hpp: the requests of one loop, by service.
//
// A service is found by its name, which is nearly always that of the request before; the first
// request of a service makes its counters, which stay. Owner: add() the loop, the rest any thread.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "master/metrics/limits.hpp"
#include "master/metrics/traffic.hpp"

namespace tandem::master::metrics {

struct EndedRequest {
  std::string_view service;  // empty: it was refused before it had one
  bool is_http2 = false;
  unsigned status = 0;  // 499: the client closed before any of an answer was sent
  unsigned attempts = 0;
  std::uint64_t response_bytes = 0;
  Duration duration{0};
  Duration first_byte{0};  // 0: no answer was begun
};

class RequestCounts {
 public:
  RequestCounts();
  ~RequestCounts();
  RequestCounts(const RequestCounts&) = delete;
  RequestCounts& operator=(const RequestCounts&) = delete;

  void add(const EndedRequest& request);
  void add_to(std::map<std::string, ServiceTraffic>& services) const;

 private:
  struct OfService;

  OfService& of(std::string_view service);

  // The first `used_` are there, and stay as they are.
  std::array<std::unique_ptr<OfService>, limits::measured_services_max + 1> services_;
  std::atomic<std::size_t> used_{0};
  OfService* latest_ = nullptr;
};

}  // namespace tandem::master::metrics
