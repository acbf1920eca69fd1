// note.hpp: what the access log will say about a request, gathered on its way. Owner: the exchange.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "common/base/limits.hpp"
#include "common/base/strong.hpp"
#include "common/base/time.hpp"
#include "common/http1/trace_context.hpp"

namespace tandem::master {

// The part that this master takes in the trace of a request.
struct RequestTrace {
  bool is_on = false;      // the request is sent on with a traceparent of ours
  bool has_spans = false;  // a collector is told of it
  bool has_parent = false;
  TraceContext self{};                                   // of the request at this master
  std::array<char, TraceContext::span_digits> parent{};  // of the client
};

struct AccessNote {
  // nginx's number, which log readers know: the connection ended before any of an answer was sent.
  static constexpr unsigned client_closed = 499;

  unsigned status = client_closed;  // of the final response that was sent, wholly or in part
  unsigned attempts = 0;    // workers that were chosen, those that refused a connection included
  Instant first_byte;       // when the response was begun; the boot of the machine: it was not
  std::uint64_t bytes = 0;  // of the response's body that were sent, framing not counted
  std::uint64_t request_bytes = 0;  // of the request's body that have arrived, without framing
  bool passed_on = false;           // another master was asked, and answered
  Term term;
  std::string_view service;
  std::string_view route_host;  // of the route that led to the service; both empty: none did
  std::string_view route_prefix;
  RequestTrace trace;

  std::string_view worker() const { return {worker_.data(), worker_bytes_}; }
  // Copied: the worker may leave while its answer is under way.
  void set_worker(std::string_view name) {
    worker_bytes_ = name.copy(worker_.data(), worker_.size());
  }

 private:
  std::size_t worker_bytes_ = 0;
  std::array<char, sizeof("master:") - 1 + limits::name_bytes_max> worker_;
};

}  // namespace tandem::master
