#include "master/forward/http/h1/head_writer.hpp"

#include <algorithm>
#include <ctime>

#include "common/http1/field_text.hpp"
#include "common/http1/http_date.hpp"
#include "master/forward/http/grpc.hpp"
#include "master/forward/http/h1/fields_writer.hpp"
#include "master/forward/http/h1/text_writer.hpp"
#include "master/forward/http/hsts.hpp"

namespace tandem::master {

namespace {

constexpr std::string_view grpc_timeout_name = "grpc-timeout";

// How much longer a rewritten head can be than the one that came: ": " for ":" in each field, and
// our own fields.
std::size_t room_for(const MessageHead& head, std::size_t own) {
  return head.head_bytes() + head.fields().size() + own + 512;
}

// A Writer is a TextWriter or a FieldsWriter.
template <class Writer>
void write_body_fields(Writer& writer, Framing framing, bool has_length, std::uint64_t length) {
  if (framing == Framing::chunked) {
    writer.own(FieldKind::transfer_encoding, "Transfer-Encoding", std::string_view("chunked"));
  } else if (has_length) {
    writer.own(FieldKind::content_length, "Content-Length", length);
  }
}

// What the request says about where it comes from: replaced, or extended if its sender is believed.
// Another master of ours has said all of it already.
template <class Writer>
void write_forwarded_fields(Writer& writer, const RequestHead& request,
                            const RequestContext& context) {
  const auto& sender = context.sender;
  bool has_for = false;
  bool has_proto = false;
  bool has_host = false;
  bool has_port = false;
  writer.begin_own(FieldKind::forwarded_for, "X-Forwarded-For");
  if (sender.is_believed()) {
    for (const auto& field : request.fields()) {
      if (field.kind == FieldKind::forwarded_for && !field.value.empty()) {
        writer << (has_for ? ", " : "") << field.value;
        has_for = true;
      }
      has_proto = has_proto || field.kind == FieldKind::forwarded_proto;
      has_host = has_host || field.kind == FieldKind::forwarded_host;
      has_port = has_port || field.kind == FieldKind::forwarded_port;
    }
  }
  if (!has_for || !sender.by_master) writer << (has_for ? ", " : "") << sender.address;
  writer.end_own();
  // A client that came by a proxy which says how did not use our port.
  if (!has_proto && !has_host && !has_port) {
    writer.own(FieldKind::forwarded_port, "X-Forwarded-Port", sender.port);
  }
  if (!has_proto) {
    const std::string_view scheme = sender.https ? "https" : "http";
    writer.own(FieldKind::forwarded_proto, "X-Forwarded-Proto", scheme);
  }
  if (!has_host && !request.host().empty()) {
    writer.own(FieldKind::forwarded_host, "X-Forwarded-Host", request.host());
  }
}

// The prefix that was stripped from the target, behind what earlier proxies have stripped.
template <class Writer>
void write_prefix(Writer& writer, const RequestHead& request, const RequestContext& context) {
  if (context.stripped == 0) return;
  writer.begin_own(FieldKind::forwarded_prefix, "X-Forwarded-Prefix");
  for (const auto& field : request.fields()) {
    if (field.kind != FieldKind::forwarded_prefix || !context.sender.is_believed()) continue;
    writer << field.value.substr(0, field.value.find_last_not_of('/') + 1);
  }
  writer << request.target().substr(0, context.stripped);
  writer.end_own();
}

template <class Writer>
void write_via(Writer& writer, int received_version, std::string_view pseudonym) {
  if (pseudonym.empty()) return;
  const std::string_view version = received_version == 10   ? "1.0 "
                                   : received_version == 11 ? "1.1 "
                                                            : "2.0 ";
  writer.own(FieldKind::via, "Via", version, pseudonym);
}

// RFC 9110 §7.3.2: a Host that the request has is passed on, even an empty one.
std::string_view host_for_worker(const RequestHead& request, const RequestContext& context) {
  return request.names_host() ? request.host() : context.worker_host;
}

// Content-Length is written again where there is one.
bool is_passed_on(const ResponseHead& response, const Field& field) {
  return field.kind != FieldKind::content_length && field.kind != FieldKind::tandem &&
         field.kind != FieldKind::look_alike && !response.ends_here(field);
}

// False: it names no place that the prefix belongs to.
template <class Writer>
bool write_with_prefix(Writer& writer, const Field& field, const StrippedPrefix& stripped) {
  const auto place = stripped.place_in(field);
  if (!place) return false;
  writer.own(field.kind, field.name, field.value.substr(0, place->at), stripped.prefix,
             field.value.substr(place->at + place->dropped));
  return true;
}

// What we say to our own: the term, the time that is left, and to another master who passes this
// on.
template <class Writer>
void write_tandem_fields(Writer& writer, const RequestContext& context) {
  if (!context.term.empty()) writer.own(FieldKind::tandem, "Tandem-Term", context.term);
  if (context.left) {
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(*context.left).count();
    writer.own(FieldKind::tandem, "Tandem-Timeout-Ms",
               static_cast<std::uint64_t>(std::max<std::int64_t>(ms, 1)));
    if (context.is_grpc) {
      writer.begin_own(FieldKind::other, grpc_timeout_name);
      writer << grpc_timeout_text(*context.left);
      writer.end_own();
    }
  }
  if (!context.pass.empty()) writer.own(FieldKind::tandem, "Tandem-Pass", context.pass);
  if (context.holds_body) {
    writer.own(FieldKind::tandem, "Tandem-Expect", std::string_view("100-continue"));
  }
}

// Both fields, or what is sound of them; traceparent is another one where this gateway traces.
bool may_trace(const RequestHead& request, const Field& field, const RequestContext& context) {
  if (request.ends_here(field)) return false;
  const bool is_parent = equal_ignoring_case(field.name, "traceparent");
  if (!is_parent) return request.has_tracestate();
  return context.traceparent.empty() && request.has_trace_context();
}

template <class Writer>
void write_request(Writer& writer, const RequestHead& request, const RequestContext& context) {
  const auto target = request.target().substr(context.stripped);
  std::string_view before_target;
  if (!target.starts_with('/') && target != "*") {
    // Absolute-form without a path: "/", or the asterisk of a server-wide OPTIONS (RFC 9112
    // §3.2.4).
    before_target = request.target().empty() && request.method() == "OPTIONS" ? "*" : "/";
  }
  writer.begin_request(request.method(), before_target, target, host_for_worker(request, context));
  const bool believed = context.sender.is_believed();
  bool has_certificate = context.sender.certificate.empty();
  for (const auto& field : request.fields()) {
    switch (field.kind) {
      case FieldKind::other:
        if (context.is_grpc && context.left && equal_ignoring_case(field.name, grpc_timeout_name)) {
          break;
        }
        [[fallthrough]];
      case FieldKind::date:
        if (!request.ends_here(field)) writer.field(field);
        break;
      case FieldKind::underscored:
        if ((believed || context.keeps_underscores) && !request.ends_here(field))
          writer.field(field);
        break;
      case FieldKind::via: writer.field(field); break;
      case FieldKind::forwarded:
      case FieldKind::forwarded_proto:
      case FieldKind::forwarded_host:
      case FieldKind::forwarded_port:
      case FieldKind::client_claim:
        if (believed) writer.field(field);
        break;
      case FieldKind::forwarded_client_cert:
        if (!believed) break;
        writer.field(field);
        has_certificate = true;
        break;
      case FieldKind::forwarded_prefix:
        if (believed && context.stripped == 0) writer.field(field);
        break;
      case FieldKind::trace_context:
        if (may_trace(request, field, context)) writer.field(field);
        break;
      case FieldKind::max_forwards:
        if (request.max_forwards()) {
          writer.own(field.kind, field.name, std::uint64_t{*request.max_forwards() - 1});
        } else {
          writer.field(field);
        }
        break;
      default: break;  // ends here, or is written anew below
    }
  }
  write_body_fields(writer, request.framing(), request.has_content_length(),
                    request.content_length());
  if (request.expects_continue()) {
    writer.own(FieldKind::expect, "Expect", std::string_view("100-continue"));
  }
  write_via(writer, request.version(), context.via);
  write_forwarded_fields(writer, request, context);
  write_prefix(writer, request, context);
  if (!has_certificate) {
    writer.own(FieldKind::forwarded_client_cert, "X-Forwarded-Client-Cert",
               context.sender.certificate);
  }
  writer.own(FieldKind::request_id, "X-Request-Id", context.request_id);
  if (!context.traceparent.empty()) {
    writer.own(FieldKind::trace_context, "traceparent", context.traceparent);
  }
  write_tandem_fields(writer, context);
  writer.end_request(request.upgrade(), request.accepts_trailers());
}

template <class Writer>
void write_response(Writer& writer, const ResponseHead& response, const ResponseContext& context) {
  writer.begin_response(response.status(), response.reason());
  const bool is_below_prefix = !context.stripped.prefix.empty();
  bool dated = response.status() < 200;
  bool says_hsts = context.hsts.empty();
  for (const auto& field : response.fields()) {
    if (!is_passed_on(response, field)) continue;
    if (!is_below_prefix || !write_with_prefix(writer, field, context.stripped))
      writer.field(field);
    dated = dated || field.kind == FieldKind::date;
    says_hsts = says_hsts || equal_ignoring_case(field.name, hsts_name);
  }
  if (!dated) writer.own(FieldKind::date, "Date", http_date());
  if (!says_hsts) writer.own(FieldKind::other, hsts_name, context.hsts);
  if (!context.set_cookie.empty()) {
    writer.own(FieldKind::other, "Set-Cookie", context.set_cookie,
               std::string_view(context.secure ? "; Secure" : ""));
  }
  const bool may_have_length = response.status() >= 200 && response.status() != 204;
  write_body_fields(writer, context.framing, may_have_length && response.has_content_length(),
                    response.content_length());
  write_via(writer, response.version(), context.via);
  const bool switches = response.status() == 101;
  writer.end_response(switches ? response.upgrade() : std::string_view(),
                      !context.keep_alive            ? "close"
                      : context.client_version == 10 ? "keep-alive"
                                                     : "");
}

std::size_t room_for(const RequestHead& request, const RequestContext& context) {
  const std::size_t own =
      context.via.size() + context.sender.address.size() + context.sender.port.size() +
      context.request_id.size() + context.traceparent.size() + request.host().size() * 2 +
      context.worker_host.size() + request.upgrade().size() + context.pass.size() +
      context.stripped + context.sender.certificate.size();
  return room_for(request, own);
}

std::size_t room_for(const ResponseHead& response, const ResponseContext& context) {
  const auto own = context.via.size() + response.upgrade().size() + context.set_cookie.size() +
                   context.hsts.size();
  return room_for(response, own + context.stripped.prefix.size() * response.fields().size());
}

}  // namespace

std::string_view http_date() {
  static thread_local std::time_t written_at = 0;
  static thread_local HttpDate date(written_at);
  const std::time_t now = std::time(nullptr);
  if (now != written_at) {
    date = HttpDate(now);
    written_at = now;
  }
  return date.text();
}

void write_request_head(Buffer& out, const RequestHead& request, const RequestContext& context) {
  TextWriter writer(out, room_for(request, context));
  write_request(writer, request, context);
}

void write_request_head(WrittenHead& head, Buffer& out, const RequestHead& request,
                        const RequestContext& context) {
  FieldsWriter writer(head, out, room_for(request, context));
  write_request(writer, request, context);
}

void write_response_head(Buffer& out, const ResponseHead& response,
                         const ResponseContext& context) {
  TextWriter writer(out, room_for(response, context));
  write_response(writer, response, context);
}

void write_response_head(WrittenHead& head, Buffer& out, const ResponseHead& response,
                         const ResponseContext& context) {
  FieldsWriter writer(head, out, room_for(response, context));
  write_response(writer, response, context);
}

void write_interim_head(Buffer& out, const ResponseHead& response, std::string_view via) {
  TextWriter writer(out, room_for(response, via.size()));
  writer.begin_response(response.status(), response.reason());
  for (const auto& field : response.fields()) {
    // RFC 9110 §8.6: no Content-Length in 1xx.
    if (is_passed_on(response, field)) writer.field(field);
  }
  writer.end_head();
}

}  // namespace tandem::master
