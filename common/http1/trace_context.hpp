// trace_context.hpp: what traceparent and tracestate say (W3C Trace Context §3), and whether they
// may be passed on. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace tandem {

bool is_valid_traceparent(std::string_view value);

// Identifies a request in a trace, in lower-case hexadecimal digits.
struct TraceContext {
  static constexpr std::size_t trace_digits = 32;
  static constexpr std::size_t span_digits = 16;

  std::array<char, trace_digits> trace;
  std::array<char, span_digits> span;
  bool sampled = false;  // whoever began the trace wants to see this request

  std::string_view trace_text() const { return {trace.data(), trace.size()}; }
  std::string_view span_text() const { return {span.data(), span.size()}; }
};

// REQUIRES: is_valid_traceparent(value)
TraceContext read_traceparent(std::string_view value);

// As traceparent has it, in version 00.
using TraceparentText = std::array<char, 55>;
TraceparentText traceparent_of(const TraceContext& context);

// The lines of tracestate, one after the other. All are passed on, or none.
class TracestateCheck {
 public:
  // As many as §3.3.1.1 and §3.3.1.5 want to be passed on at least.
  static constexpr std::size_t bytes_max = 512;
  static constexpr std::size_t members_max = 32;

  // False: together with those before it is malformed, too long, or names a member twice. `line`
  // outlives this.
  bool add(std::string_view line);

 private:
  bool add_member(std::string_view member);

  std::array<std::string_view, members_max> keys_;
  std::size_t members_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace tandem
