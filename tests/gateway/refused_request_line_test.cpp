// Request lines that are not served (RFC 9112 §3).
#include "refusal.hpp"

namespace tandem::test::refused_request_line_test {
namespace {

std::string line(const std::string& request_line) { return request_line + "\r\nHost: a\r\n\r\n"; }

[[maybe_unused]] const bool versions = each_row_is_a_case<Refused>(
    "a version that is not served (RFC 9112 §2.3)",
    {
        {"HTTP/2.0", line("GET / HTTP/2.0"), 505},
        {"HTTP/0.9", line("GET / HTTP/0.9"), 505},
        {"HTTP/3.0", line("GET / HTTP/3.0"), 505},
        {"HTTP/1.10", line("GET / HTTP/1.10"), 505},
        {"a version in lower case", line("GET / http/1.1"), 505},
        {"a version without the minor number", line("GET / HTTP/1"), 505},
        {"a version with a space behind", line("GET / HTTP/1.1 "), 505},
        {"another protocol", line("GET / RTSP/1.0"), 505},
        {"HTTP/2 without its preface", line("GET / HTTP/2.0"), 505},
    },
    check_refused, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool lines = each_row_is_a_case<Refused>(
    "refused (RFC 9112 §3)",
    {
        {"two spaces before the target", line("GET  / HTTP/1.1")},
        {"two spaces before the version", line("GET /  HTTP/1.1")},
        {"a tab before the target", line("GET\t/ HTTP/1.1")},
        {"a space before the method", line(" GET / HTTP/1.1")},
        {"a method that is no token", line("G(T / HTTP/1.1")},
        {"a NUL in the method", line(std::string("G\0T / HTTP/1.1", 14))},
        {"a target without a slash", line("GET a HTTP/1.1")},
        {"a target with a fragment", line("GET /a#b HTTP/1.1")},
        {"a NUL in the target", line(std::string("GET /\0 HTTP/1.1", 15))},
        {"a control character in the target", line("GET /\x01 HTTP/1.1")},
        {"a DEL in the target", line("GET /\x7f HTTP/1.1")},
        {"a byte beyond ASCII in the target", line("GET /admin\xa0 HTTP/1.1")},
        {"UTF-8 in the target", line("GET /caf\xc3\xa9 HTTP/1.1")},
        {"a byte beyond ASCII in a query", line("GET /?q=\xff HTTP/1.1")},
        {"a byte beyond ASCII in absolute-form", line("GET http://a/\x80 HTTP/1.1")},
        {"the asterisk with GET", line("GET * HTTP/1.1")},
        {"another scheme", line("GET ftp://a/ HTTP/1.1")},
        {"absolute-form without a host", line("GET http:///a HTTP/1.1")},
        {"absolute-form with a port and no host", line("GET http://:80/a HTTP/1.1")},
        {"user information in the target", line("GET http://u@a/ HTTP/1.1")},
        {"a TLS hello", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11)},
    },
    check_refused, CATCH_INTERNAL_LINEINFO);

}  // namespace

TEST_CASE("CONNECT is answered 405 with what is allowed (RFC 9110 §9.3.6, §15.5.6)") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  client.send("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n");
  const auto answer = read_response(client);
  CHECK(answer.status() == 405);
  CHECK(answer.field("Allow").find("GET") != std::string::npos);
  CHECK(client.closes());
  CHECK(origin.request_count() == 0);
}

TEST_CASE("a method that nobody knows is passed on (RFC 9110 §9.1)") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  CHECK(gateway.ask("BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n").status() == 200);
  CHECK(gateway.ask("get / HTTP/1.1\r\nHost: a\r\n\r\n").status() == 200);
  CHECK(origin.requests().at(0).start_line() == "BREW /pot HTTP/1.1");
  CHECK(origin.requests().at(1).start_line() == "get / HTTP/1.1");
}

TEST_CASE("a refused request takes what was pipelined behind it with it (RFC 9112 §9.3.2)") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  client.send(get("/first") + "GET / HTTP/1.1\r\n\r\n" + get("/never"));
  CHECK(read_response(client).status() == 200);
  CHECK(read_response(client).status() == 400);
  CHECK(client.closes());
  CHECK(origin.request_count() == 1);
}

}  // namespace tandem::test::refused_request_line_test
