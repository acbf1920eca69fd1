// The two ways in which a head leaves: as text, which is read again here, and as fields.
#include <catch2/catch.hpp>

#include <string>

#include "common/base/time.hpp"
#include "common/http1/http_head.hpp"
#include "master/forward/http/h1/head_writer.hpp"
#include "master/forward/stream/head_text.hpp"

namespace tandem::master::written_head_test {

using namespace std::chrono_literals;

namespace {

std::string told(const WrittenHead& head) {
  std::string text = std::string(head.method) + " " + std::string(head.target) + " " +
                     std::to_string(head.status) + " host=" + std::string(head.host) +
                     " upgrade=" + std::string(head.upgrade) +
                     (head.accepts_trailers ? " trailers\n" : "\n");
  for (const auto& field : head.fields) {
    text.append(field.name).append(": ").append(field.value).append("\n");
  }
  return text;
}

void check_request(std::string_view lines, const RequestContext& context) {
  INFO(lines);
  const std::string text(lines);
  RequestHead request;
  REQUIRE(request.parse(text) == HeadStatus::complete);
  Buffer written;
  write_request_head(written, request, context);
  WrittenHead as_text;
  read_written_request(written.view(), as_text);
  WrittenHead as_fields;
  Buffer room;
  write_request_head(as_fields, room, request, context);
  CHECK(told(as_fields) == told(as_text));
}

void check_response(std::string_view lines, const ResponseContext& context) {
  INFO(lines);
  const std::string text(lines);
  ResponseHead response;
  REQUIRE(response.parse(text, false) == HeadStatus::complete);
  Buffer written;
  write_response_head(written, response, context);
  WrittenHead as_text;
  read_written_response(written.view(), as_text);
  WrittenHead as_fields;
  Buffer room;
  write_response_head(as_fields, room, response, context);
  CHECK(told(as_fields) == told(as_text));
}

constexpr std::string_view plain = "GET /a?b HTTP/1.1\r\nHost: shop.example\r\nAccept: */*\r\n\r\n";
constexpr std::string_view full =
    "POST /shop/cart HTTP/1.1\r\nHost: shop.example\r\nConnection: keep-alive, X-Mine\r\n"
    "X-Mine: ends here\r\nX_Under: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nVia: 1.1 other\r\n"
    "X-Forwarded-For: 10.0.0.7\r\nX-Forwarded-For: 10.0.0.8\r\nX-Forwarded-Proto: https\r\n"
    "X-Forwarded-Host: front\r\nX-Forwarded-Port: 8443\r\nX-Forwarded-Prefix: /outer/\r\n"
    "X-Forwarded-Client-Cert: Hash=1\r\nX-Real-IP: 10.0.0.9\r\nForwarded: for=10.0.0.9\r\n"
    "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nTandem-Term: 7 of nobody\r\nTandem-Pass: none\r\n"
    "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
    "tracestate: a=b\r\nX-Request-Id: abc\r\nExpect: 100-continue\r\ngrpc-timeout: 1S\r\n"
    "Content-Length:   5\r\nEmpty:\r\nCookie: a=1\r\n\r\n";

}  // namespace

TEST_CASE("a request that leaves as fields says what its text says") {
  for (const bool believed : {false, true}) {
    for (const bool underscores : {false, true}) {
      RequestContext context{.via = "tandem-a",
                             .sender = {.address = "10.1.1.1", .trusted = believed, .port = "80"},
                             .keeps_underscores = underscores,
                             .request_id = "0123456789abcdef",
                             .worker_host = "10.0.0.2:80",
                             .term = {}};
      check_request(plain, context);
      check_request(full, context);
      check_request("OPTIONS * HTTP/1.1\r\nHost: a\r\nMax-Forwards: 5\r\n\r\n", context);
      check_request("GET http://a.example HTTP/1.1\r\nHost: a.example\r\n\r\n", context);
      check_request("OPTIONS http://a.example HTTP/1.1\r\nHost: a.example\r\n\r\n", context);
      check_request("GET / HTTP/1.0\r\n\r\n", context);
      check_request("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", context);
      check_request(
          "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
          context);
      context.stripped = 5;
      context.term = "7 proof";
      context.pass = "secret";
      context.holds_body = true;
      context.left = 1500ms;
      context.is_grpc = true;
      context.sender.certificate = "Hash=2";
      context.sender.https = true;
      check_request(full, context);
      context.sender.by_master = true;
      check_request(full, context);
    }
  }
}

TEST_CASE("an answer that leaves as fields says what its text says") {
  constexpr std::string_view found =
      "HTTP/1.1 302 Found\r\nLocation: /cart\r\nSet-Cookie: a=1; Path=/\r\nConnection: X-Mine\r\n"
      "X-Mine: ends here\r\nTandem-Term: 7\r\nServer: some\r\nContent-Length: 4\r\n\r\n";
  for (const auto framing : {Framing::none, Framing::length, Framing::chunked}) {
    for (const bool keep_alive : {false, true}) {
      ResponseContext context{.via = "tandem-a", .framing = framing, .keep_alive = keep_alive};
      check_response(found, context);
      context.set_cookie = "Tandem-Worker=x; Path=/";
      context.secure = true;
      context.hsts = "max-age=60";
      context.stripped = {.prefix = "/shop", .host = "shop.example"};
      check_response(found, context);
      check_response("HTTP/1.1 204 None\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n", context);
      check_response(
          "HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=1\r\nTrailer: a\r\n"
          "Transfer-Encoding: chunked\r\n\r\n",
          context);
    }
  }
}

}  // namespace tandem::master::written_head_test
