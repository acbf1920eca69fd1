#include "master/forward/http/h1/head_writer.hpp"

#include <charconv>
#include <ctime>
#include <utility>

#include <fmt/format.h>

#include "common/base/assert.hpp"
#include "common/http1/http_date.hpp"
#include "common/wire/error_document.hpp"
#include "common/http1/field_text.hpp"
#include "master/forward/http/grpc.hpp"
#include "master/forward/http/hsts.hpp"
#include "master/forward/http/h1/max_forwards.hpp"

namespace tandem::master {

namespace {

constexpr std::string_view grpc_timeout_name = "grpc-timeout";

// Writes text into a buffer in which room was made before, so that no piece needs a check.
class TextWriter {
 public:
  TextWriter(Buffer& out, std::size_t bytes_max) : out_(out) {
    if (out.free_size() < bytes_max) out.grow(out.size() + bytes_max);
    place_ = out.free_begin();
  }
  ~TextWriter() {
    TANDEM_ASSERT(run_.empty());
    out_.commit(static_cast<std::size_t>(place_ - out_.free_begin()));
  }
  TextWriter(const TextWriter&) = delete;
  TextWriter& operator=(const TextWriter&) = delete;

  TextWriter& operator<<(std::string_view text) {
    place_ += text.copy(place_, text.size());
    return *this;
  }
  TextWriter& operator<<(std::uint64_t number) {
    place_ = std::to_chars(place_, place_ + 20, number).ptr;
    return *this;
  }
  // Writes a field as it came. Most lie in the buffer one after the other as they are to be
  // written: these are gathered, and written in one piece by end_fields().
  void field(const Field& field) {
    if (!lies_as_written(field)) {
      end_fields();
      *this << field.name << ": " << field.value << "\r\n";
      return;
    }
    const std::string_view line(field.name.data(), field.name.size() + field.value.size() + 4);
    if (run_.data() + run_.size() != line.data()) {
      end_fields();
      run_ = line;
    } else {
      run_ = {run_.data(), run_.size() + line.size()};
    }
  }
  void end_fields() { *this << std::exchange(run_, {}); }

 private:
  // The line is "name: value", with one space and nothing behind it. The bytes around the views
  // belong to the head.
  static bool lies_as_written(const Field& field) {
    const char* const behind_name = field.name.data() + field.name.size();
    return field.value.data() == behind_name + 2 && behind_name[1] == ' ' &&
           field.value.data()[field.value.size()] == '\r';
  }

  Buffer& out_;
  char* place_;
  std::string_view run_;
};

// How much longer a rewritten head can be than the one that came: ": " for ":" in each field, and
// our own fields.
std::size_t room_for(const MessageHead& head, std::size_t own) {
  return head.head_bytes() + head.fields().size() + own + 512;
}

void write_body_fields(TextWriter& writer, Framing framing, bool has_length, std::uint64_t length) {
  if (framing == Framing::chunked) {
    writer << "Transfer-Encoding: chunked\r\n";
  } else if (has_length) {
    writer << "Content-Length: " << length << "\r\n";
  }
}

// What the request says about where it comes from: replaced, or extended if its sender is believed.
// Another master of ours has said all of it already.
void write_forwarded_fields(TextWriter& writer, const RequestHead& request,
                            const RequestContext& context) {
  const auto& sender = context.sender;
  bool has_for = false;
  bool has_proto = false;
  bool has_host = false;
  bool has_port = false;
  writer << "X-Forwarded-For: ";
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
  writer << "\r\n";
  // A client that came by a proxy which says how did not use our port.
  if (!has_proto && !has_host && !has_port) writer << "X-Forwarded-Port: " << sender.port << "\r\n";
  if (!has_proto)
    writer << (sender.https ? "X-Forwarded-Proto: https\r\n" : "X-Forwarded-Proto: http\r\n");
  if (!has_host && !request.host().empty())
    writer << "X-Forwarded-Host: " << request.host() << "\r\n";
}

// The prefix that was stripped from the target, behind what earlier proxies have stripped.
void write_prefix(TextWriter& writer, const RequestHead& request, const RequestContext& context) {
  if (context.stripped == 0) return;
  writer << "X-Forwarded-Prefix: ";
  for (const auto& field : request.fields()) {
    if (field.kind != FieldKind::forwarded_prefix || !context.sender.is_believed()) continue;
    writer << field.value.substr(0, field.value.find_last_not_of('/') + 1);
  }
  writer << request.target().substr(0, context.stripped) << "\r\n";
}

void write_via(TextWriter& writer, int received_version, std::string_view pseudonym) {
  if (pseudonym.empty()) return;
  writer << (received_version == 10   ? "Via: 1.0 "
             : received_version == 11 ? "Via: 1.1 "
                                      : "Via: 2.0 ")
         << pseudonym << "\r\n";
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
bool write_with_prefix(TextWriter& writer, const Field& field, const StrippedPrefix& stripped) {
  const auto place = stripped.place_in(field);
  if (!place) return false;
  writer.end_fields();
  writer << field.name << ": " << field.value.substr(0, place->at) << stripped.prefix
         << field.value.substr(place->at + place->dropped) << "\r\n";
  return true;
}

struct Content {
  std::string_view type;
  std::string_view bytes;
};

// A 200 that nobody is to keep. Returns how many bytes of it are body.
std::size_t write_content(Buffer& out, const Content& content, bool keep_alive, bool to_head) {
  TextWriter writer(out, content.bytes.size() + 512);
  writer << "HTTP/1.1 200 OK\r\nDate: " << http_date() << "\r\nContent-Type: " << content.type
         << "\r\nCache-Control: no-store\r\nContent-Length: " << std::uint64_t{content.bytes.size()}
         << (keep_alive ? "\r\nConnection: keep-alive\r\n\r\n" : "\r\nConnection: close\r\n\r\n");
  if (to_head) return 0;
  writer << content.bytes;
  return content.bytes.size();
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
  const std::size_t own = context.via.size() + context.sender.address.size() +
                          context.sender.port.size() + context.request_id.size() +
                          request.host().size() * 2 + context.worker_host.size() +
                          request.upgrade().size() + context.pass.size() + context.stripped +
                          context.sender.certificate.size();
  TextWriter writer(out, room_for(request, own));
  writer << request.method() << " ";
  const auto target = request.target().substr(context.stripped);
  if (!target.starts_with('/') && target != "*") {
    // Absolute-form without a path: "/", or the asterisk of a server-wide OPTIONS (RFC 9112
    // §3.2.4).
    writer << (request.target().empty() && request.method() == "OPTIONS" ? "*" : "/");
  }
  writer << target << " HTTP/1.1\r\nHost: " << host_for_worker(request, context) << "\r\n";
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
        if (request.has_trace_context() && !request.ends_here(field)) writer.field(field);
        break;
      case FieldKind::max_forwards:
        if (request.max_forwards()) {
          writer.end_fields();
          writer << field.name << ": " << std::uint64_t{*request.max_forwards() - 1} << "\r\n";
        } else {
          writer.field(field);
        }
        break;
      default: break;  // ends here, or is written anew below
    }
  }
  writer.end_fields();
  write_body_fields(writer, request.framing(), request.has_content_length(),
                    request.content_length());
  if (request.expects_continue()) writer << "Expect: 100-continue\r\n";
  write_via(writer, request.version(), context.via);
  write_forwarded_fields(writer, request, context);
  write_prefix(writer, request, context);
  if (!has_certificate) {
    writer << "X-Forwarded-Client-Cert: " << context.sender.certificate << "\r\n";
  }
  writer << "X-Request-Id: " << context.request_id << "\r\n";
  if (!context.term.empty()) writer << "Tandem-Term: " << context.term << "\r\n";
  if (context.left) {
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(*context.left).count();
    writer << "Tandem-Timeout-Ms: " << static_cast<std::uint64_t>(std::max<std::int64_t>(ms, 1))
           << "\r\n";
    if (context.is_grpc) {
      writer << grpc_timeout_name << ": " << grpc_timeout_text(*context.left) << "\r\n";
    }
  }
  if (!context.pass.empty()) writer << "Tandem-Pass: " << context.pass << "\r\n";
  if (context.holds_body) writer << "Tandem-Expect: 100-continue\r\n";
  if (!request.upgrade().empty()) {
    writer << "Connection: upgrade\r\nUpgrade: " << request.upgrade() << "\r\n";
  } else if (request.accepts_trailers()) {
    writer << "Connection: TE\r\nTE: trailers\r\n";
  }
  writer << "\r\n";
}

void write_response_head(Buffer& out, const ResponseHead& response,
                         const ResponseContext& context) {
  const auto& prefix = context.stripped.prefix;
  const auto own = context.via.size() + response.upgrade().size() + context.set_cookie.size() +
                   context.hsts.size();
  TextWriter writer(out, room_for(response, own + prefix.size() * response.fields().size()));
  writer << "HTTP/1.1 " << std::uint64_t{response.status()} << " " << response.reason() << "\r\n";
  bool dated = response.status() < 200;
  bool says_hsts = context.hsts.empty();
  for (const auto& field : response.fields()) {
    if (!is_passed_on(response, field)) continue;
    if (prefix.empty() || !write_with_prefix(writer, field, context.stripped)) writer.field(field);
    dated = dated || field.kind == FieldKind::date;
    says_hsts = says_hsts || equal_ignoring_case(field.name, hsts_name);
  }
  writer.end_fields();
  if (!dated) writer << "Date: " << http_date() << "\r\n";
  if (!says_hsts) writer << hsts_name << ": " << context.hsts << "\r\n";
  if (!context.set_cookie.empty()) {
    writer << "Set-Cookie: " << context.set_cookie << (context.secure ? "; Secure\r\n" : "\r\n");
  }
  const bool may_have_length = response.status() >= 200 && response.status() != 204;
  write_body_fields(writer, context.framing, may_have_length && response.has_content_length(),
                    response.content_length());
  write_via(writer, response.version(), context.via);
  if (response.status() == 101) {
    writer << "Connection: upgrade\r\nUpgrade: " << response.upgrade() << "\r\n";
  } else if (!context.keep_alive) {
    writer << "Connection: close\r\n";
  } else if (context.client_version == 10) {
    writer << "Connection: keep-alive\r\n";
  }
  writer << "\r\n";
}

void write_interim_head(Buffer& out, const ResponseHead& response, std::string_view via) {
  TextWriter writer(out, room_for(response, via.size()));
  writer << "HTTP/1.1 " << std::uint64_t{response.status()} << " " << response.reason() << "\r\n";
  for (const auto& field : response.fields()) {
    // RFC 9110 §8.6: no Content-Length in 1xx.
    if (is_passed_on(response, field)) writer.field(field);
  }
  writer.end_fields();
  writer << "\r\n";
}

std::size_t write_local_response(Buffer& out, const LocalResponse& response) {
  const auto body = wire::error_document(response.code, response.message) + "\n";
  TextWriter writer(out, body.size() + response.location.size() + response.hsts.size() + 512);
  writer << "HTTP/1.1 " << std::uint64_t{response.status} << " " << reason_phrase(response.status)
         << "\r\nDate: " << http_date()
         << "\r\nContent-Type: application/json\r\nContent-Length: " << std::uint64_t{body.size()}
         << "\r\n";
  if (response.status == 405)
    writer << "Allow: " << allowed_methods(response.allows_trace) << "\r\n";
  if (response.retry_after_s > 0)
    writer << "Retry-After: " << std::uint64_t{response.retry_after_s} << "\r\n";
  if (!response.location.empty()) writer << "Location: " << response.location << "\r\n";
  if (!response.hsts.empty()) writer << hsts_name << ": " << response.hsts << "\r\n";
  if (response.not_primary) writer << "Tandem-Not-Primary: 1\r\n";
  writer << (response.keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n");
  if (response.to_head) return 0;
  writer << body;
  return body.size();
}

void write_grpc_error(Buffer& out, const LocalResponse& response) {
  const auto message = grpc_message_text(response.message);
  TextWriter writer(out, message.size() + 256);
  writer << "HTTP/1.1 200 OK\r\nDate: " << http_date()
         << "\r\nContent-Type: application/grpc\r\nGrpc-Status: "
         << std::uint64_t{static_cast<unsigned>(grpc_status_of(response.status))}
         << "\r\nGrpc-Message: " << message
         << (response.keep_alive ? "\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n"
                                 : "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

std::size_t write_ready_response(Buffer& out, bool keep_alive, bool to_head) {
  return write_content(out, {"application/json", "{\"status\":\"ready\"}\n"}, keep_alive, to_head);
}

std::size_t write_challenge_response(Buffer& out, std::string_view content, bool keep_alive,
                                     bool to_head) {
  return write_content(out, {"application/octet-stream", content}, keep_alive, to_head);
}

std::string_view reason_phrase(unsigned status) {
  switch (status) {
    case 301: return "Moved Permanently";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 417: return "Expectation Failed";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    case 508: return "Loop Detected";
    default: return "Error";
  }
}

}  // namespace tandem::master
