#include "master/forward/client/ended_request.hpp"

#include <array>

#include "common/base/clock.hpp"
#include "common/http1/field_text.hpp"
#include "master/forward/access_log/log.hpp"
#include "master/metrics/recording.hpp"

namespace tandem::master {

namespace {

// Of the first field of that name; `name` in lower case.
std::string_view field_of(const RequestHead& request, std::string_view name) {
  for (const auto& field : request.fields()) {
    if (field.kind == FieldKind::other && equal_ignoring_case(field.name, name)) return field.value;
  }
  return {};
}

// VERSION-TRACE-PARENT-FLAGS (W3C Trace Context §3.2): the second one; or the one that was begun
// here.
std::string_view trace_id_of(const AccessNote& note, const RequestHead& request) {
  if (note.trace.is_on) return note.trace.self.trace_text();
  return request.has_trace_context() ? request.traceparent().substr(3, TraceContext::trace_digits)
                                     : std::string_view();
}

void add_span(Context& context, const AccessEntry& entry, const RequestTrace& trace) {
  Span span;
  span.self = trace.self;
  span.parent = trace.parent;
  span.has_parent = trace.has_parent;
  span.start = entry.started;
  span.duration = entry.duration;
  span.status = entry.status;
  span.failed = entry.status >= 500;
  span.attempts = entry.attempts;
  span.method = entry.method;
  span.path = entry.target.substr(0, entry.target.find('?'));
  span.request_id = entry.request_id;
  span.client = entry.client;
  span.service = entry.service;
  span.worker = entry.worker;
  context.keep(span);
}

// Room for the text of a route, which is put together.
using RouteText = std::array<char, limits::access_log_text_bytes_max>;

std::string_view route_of(const AccessNote& note, RouteText& room) {
  const auto host = note.route_host.copy(room.data(), room.size());
  return {room.data(), host + note.route_prefix.copy(room.data() + host, room.size() - host)};
}

// What most logs do not have.
void add_unusual(AccessEntry& entry, const AccessFields& fields, const AccessNote& note,
                 const Sender& client, const RequestHead& request, RouteText& route) {
  if (request.method().empty()) return;  // there is no head
  entry.host = request.host();
  entry.tls = client.tls;
  entry.request_bytes = note.request_bytes;
  if (fields.has(AccessField::user_agent)) entry.user_agent = field_of(request, "user-agent");
  if (fields.has(AccessField::referer)) entry.referer = field_of(request, "referer");
  if (fields.has(AccessField::trace_id)) entry.trace_id = trace_id_of(note, request);
  if (fields.has(AccessField::route)) entry.route = route_of(note, route);
}

}  // namespace

void note_ended(Context& context, Instant started, const AccessNote& note, const Sender& client,
                const RequestHead& request, std::string_view request_id) {
  AccessRing* ring = context.access_ring();
  if (!metrics::recording && ring == nullptr && !note.trace.has_spans) return;
  const auto duration = now() - started;
  const auto version = request.method().empty() ? 0u : static_cast<unsigned>(request.version());
  const bool begun = note.first_byte != Instant();
  const auto first_byte = begun ? note.first_byte - started : Duration();
  if (metrics::recording) {
    context.request_counts().add({.service = note.service,
                                  .is_http2 = version >= 20,
                                  .passed_on = note.passed_on,
                                  .status = note.status,
                                  .attempts = note.attempts,
                                  .request_bytes = note.request_bytes,
                                  .response_bytes = note.bytes,
                                  .duration = duration,
                                  .first_byte = first_byte});
  }
  if (ring == nullptr && !note.trace.has_spans) return;
  AccessEntry entry{.started = started,
                    .duration = duration,
                    .bytes = note.bytes,
                    .term = note.term,
                    .status = note.status,
                    .attempts = note.attempts,
                    .version = version,
                    .client = client.address,
                    .method = request.method(),
                    .target = request.sent_target(),
                    .worker = note.worker(),
                    .service = note.service,
                    .request_id = request_id,
                    .first_byte = first_byte};
  if (note.trace.has_spans) add_span(context, entry, note.trace);
  if (ring == nullptr) return;
  const auto& fields = context.options().access_log->fields();
  RouteText route;
  if (fields.has_unusual()) add_unusual(entry, fields, note, client, request, route);
  ring->push(entry);
}

}  // namespace tandem::master
