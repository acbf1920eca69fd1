// The answers of the gateway itself.
#include <fmt/format.h>

#include "common/wire/error_document.hpp"
#include "master/forward/http/grpc.hpp"
#include "master/forward/http/hsts.hpp"
#include "master/forward/http/h1/head_writer.hpp"
#include "master/forward/http/h1/max_forwards.hpp"
#include "master/forward/http/h1/text_writer.hpp"

namespace tandem::master {

namespace {

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
  const auto status =
      response.is_used_up ? GrpcStatus::resource_exhausted : grpc_status_of(response.status);
  TextWriter writer(out, message.size() + 256);
  writer << "HTTP/1.1 200 OK\r\nDate: " << http_date()
         << "\r\nContent-Type: application/grpc\r\nGrpc-Status: "
         << std::uint64_t{static_cast<unsigned>(status)} << "\r\nGrpc-Message: " << message
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
