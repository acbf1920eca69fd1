#include "master/forward/tracing/otlp.hpp"

#include <iterator>

#include <fmt/format.h>

#include "common/base/json_text.hpp"
#include "common/base/version.hpp"

namespace tandem::master {

namespace {

std::string json_text(std::string_view text) {
  std::string quoted;
  append_json_text(quoted, text);
  return quoted;
}

// SpanKind of OTLP.
int number_of(SpanKind kind) {
  switch (kind) {
    case SpanKind::request: return 2;  // SERVER
    case SpanKind::attempt: return 3;  // CLIENT
    default: return 1;                 // INTERNAL
  }
}

class Attributes {
 public:
  explicit Attributes(std::string& out) : out_(out) {}

  void add(std::string_view key, std::string_view text) {
    if (text.empty()) return;
    begin(key);
    fmt::format_to(std::back_inserter(out_), R"({{"stringValue":{}}}}})", json_text(text));
  }
  // OTLP has integers as text.
  void add(std::string_view key, unsigned number) {
    if (number == 0) return;
    begin(key);
    fmt::format_to(std::back_inserter(out_), R"({{"intValue":"{}"}}}})", number);
  }

 private:
  void begin(std::string_view key) {
    fmt::format_to(std::back_inserter(out_), R"({}{{"key":"{}","value":)", first_ ? "" : ",", key);
    first_ = false;
  }

  std::string& out_;
  bool first_ = true;
};

std::string name_of(const Span& span) {
  switch (span.kind) {
    case SpanKind::request: return std::string(span.method.view());
    case SpanKind::queue: return "queue";
    case SpanKind::attempt: return "attempt";
    case SpanKind::worker: return "worker";
  }
  return {};
}

void add_span(std::string& out, const Span& span, Duration boot) {
  const auto start = (boot + span.start.since_boot()).count();
  fmt::format_to(std::back_inserter(out), R"({{"traceId":"{}","spanId":"{}",)",
                 span.self.trace_text(), span.self.span_text());
  if (span.has_parent) {
    fmt::format_to(std::back_inserter(out), R"("parentSpanId":"{}",)",
                   std::string_view(span.parent.data(), span.parent.size()));
  }
  fmt::format_to(
      std::back_inserter(out),
      R"("name":{},"kind":{},"startTimeUnixNano":"{}","endTimeUnixNano":"{}","attributes":[)",
      json_text(name_of(span)), number_of(span.kind), start, start + span.duration.count());
  Attributes attributes(out);
  attributes.add("http.request.method", span.method.view());
  attributes.add("url.path", span.path.view());
  attributes.add("http.response.status_code", span.status);
  attributes.add("client.address", span.client.view());
  attributes.add("tandem.request_id", span.request_id.view());
  attributes.add("tandem.service", span.service.view());
  attributes.add("tandem.worker", span.worker.view());
  attributes.add("tandem.attempts", span.attempts);
  attributes.add("tandem.outcome", span.outcome);
  // STATUS_CODE_ERROR; unset otherwise.
  out += span.failed ? R"(],"status":{"code":2}})" : R"(],"status":{}})";
}

}  // namespace

std::string to_otlp(std::span<const Span> spans, std::string_view node, Duration boot) {
  std::string out = R"({"resourceSpans":[{"resource":{"attributes":[)";
  Attributes attributes(out);
  attributes.add("service.name", "tandem-master");
  attributes.add("service.version", version);
  attributes.add("service.instance.id", node);
  out += R"(]},"scopeSpans":[{"scope":{"name":"tandem"},"spans":[)";
  for (std::size_t place = 0; place < spans.size(); ++place) {
    if (place > 0) out += ',';
    add_span(out, spans[place], boot);
  }
  return out + "]}]}]}";
}

}  // namespace tandem::master
