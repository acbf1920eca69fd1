// span.hpp: a part of what became of one traced request, from its beginning to its end.
// Owner: a value; without pointers but to literals, so that it can be copied to another thread.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "common/base/time.hpp"
#include "common/http1/trace_context.hpp"
#include "master/forward/tracing/limits.hpp"

namespace tandem::master {

enum class SpanKind {
  request,  // the whole, as the client saw it
  queue,    // it waited for room at a worker
  attempt,  // it was at a worker, or at the primary: from the choice to the end
  worker,   // within an attempt: from the last byte sent to the answer at hand
};

// A text that is cut where its room ends.
template <std::size_t size>
class SpanText {
 public:
  void operator=(std::string_view text) {
    bytes_ = static_cast<std::uint16_t>(text.copy(room_.data(), room_.size()));
  }
  std::string_view view() const { return {room_.data(), bytes_}; }

 private:
  std::uint16_t bytes_ = 0;
  std::array<char, size> room_;
};

struct Span {
  SpanKind kind = SpanKind::request;
  TraceContext self;
  std::array<char, TraceContext::span_digits> parent;
  bool has_parent = false;
  bool failed = false;
  Instant start;
  Duration duration{0};
  unsigned status = 0;                         // of the answer; 0: there was none
  unsigned attempts = 0;                       // of a request
  const char* outcome = "";                    // of an attempt or of waiting; a literal
  SpanText<16> method;                         // of a request, as the next three
  SpanText<limits::span_path_bytes_max> path;  // without the query, which may hold secrets
  SpanText<limits::span_text_bytes_max> request_id;
  SpanText<limits::span_text_bytes_max> client;
  SpanText<limits::span_text_bytes_max> service;
  SpanText<limits::span_text_bytes_max> worker;
};

}  // namespace tandem::master
