#include "master/forward/http/h1/max_forwards.hpp"

#include <string>

#include <fmt/format.h>

#include "common/http1/field_text.hpp"
#include "master/forward/http/h1/head_writer.hpp"

namespace tandem::master {

namespace {

// RFC 9110 §9.3.8: what an echo must not disclose.
bool may_hold_secrets(std::string_view name) {
  for (const std::string_view secret :
       {"authorization", "proxy-authorization", "cookie", "x-api-key"}) {
    if (equal_ignoring_case(name, secret)) return true;
  }
  return false;
}

std::string echo(const RequestHead& request, std::string_view head) {
  std::string text(head.substr(0, head.find("\r\n") + 2));
  for (const auto& field : request.fields()) {
    if (!may_hold_secrets(field.name)) text += fmt::format("{}: {}\r\n", field.name, field.value);
  }
  return text + "\r\n";
}

}  // namespace

void write_final_recipient_answer(Buffer& out, const RequestHead& request, std::string_view head,
                                  bool allows_trace, bool keep_alive) {
  TANDEM_ASSERT(request.max_forwards() == 0u);
  const bool trace = request.method() == "TRACE";
  const auto body = trace ? echo(request, head) : std::string();
  const auto about = trace ? std::string("Content-Type: message/http")
                           : fmt::format("Allow: {}", allowed_methods(allows_trace));
  const auto text = fmt::format(
      "HTTP/1.1 200 OK\r\nDate: {}\r\n{}\r\nContent-Length: {}\r\nConnection: {}\r\n\r\n{}",
      http_date(), about, body.size(), keep_alive ? "keep-alive" : "close", body);
  if (out.free_size() < text.size()) out.grow(out.size() + text.size());
  out.append(text);
}

}  // namespace tandem::master
