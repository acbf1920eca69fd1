// What came with a request beside its content: identity, trace, deadline.
#include <charconv>

#include <httplib.h>
#include <tandem/worker.hpp>

#include "common/base/clock.hpp"
#include "common/http1/trace_context.hpp"
#include "worker/src/connection_server.hpp"

namespace tandem {

namespace {

// A caller of ours sends one traceparent; two are none (W3C Trace Context §3.2.1).
void read_trace(const httplib::Request& request, RequestContext& context) {
  const auto traceparent = request.get_header_value("traceparent");
  if (request.get_header_value_count("traceparent") != 1 || !is_valid_traceparent(traceparent)) {
    return;
  }
  const auto parsed = read_traceparent(traceparent);
  context.traceparent = traceparent;
  context.trace_id = parsed.trace_text();
  context.parent_id = parsed.span_text();
  context.sampled = parsed.sampled;
  TracestateCheck check;
  const auto [begin, end] = request.headers.equal_range("tracestate");
  for (auto line = begin; line != end; ++line) {
    if (!check.add(line->second)) {
      context.tracestate.clear();
      return;
    }
    if (line->second.empty()) continue;
    context.tracestate += (context.tracestate.empty() ? "" : ",") + line->second;
  }
}

}  // namespace

RequestContext context_of(const httplib::Request& request) {
  RequestContext context;
  context.request_id = request.get_header_value("X-Request-Id");
  read_trace(request, context);
  const auto text = request.get_header_value("Tandem-Timeout-Ms");
  std::int64_t left_ms = 0;
  const auto* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, left_ms);
  const bool is_number = !text.empty() && read.ec == std::errc() && read.ptr == end;
  // As long as masters allow at most.
  constexpr std::chrono::milliseconds longest = 24h;
  if (is_number && left_ms > 0 && left_ms <= longest.count()) {
    const auto since = now() - ConnectionServer::arrival_of_current();
    context.deadline =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(left_ms) - since;
  }
  return context;
}

}  // namespace tandem
