// What is unusual and right: other gateways take it, and so do we.
#include <catch2/catch.hpp>

#include "gateway.hpp"
#include "table.hpp"

namespace tandem::test::unusual_heads_test {
namespace {

std::string post_chunked(const std::string& body) {
  return "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body;
}

struct ResponseLine {
  const char* why;
  std::string line;
  unsigned status = 200;
  std::string passed_on_as;
};

[[maybe_unused]] const bool lines = each_row_is_a_case<ResponseLine>(
    "a status line is understood (RFC 9112 §4)",
    {
        {"without a reason", "HTTP/1.1 200 ", 200, "HTTP/1.1 200 "},
        {"without the space before it either", "HTTP/1.1 404", 404, "HTTP/1.1 404 "},
        {"of HTTP/1.0 without a reason", "HTTP/1.0 200", 200, "HTTP/1.1 200 "},
        {"of HTTP/1.2", "HTTP/1.2 200 OK", 200, "HTTP/1.1 200 OK"},
        {"of HTTP/1.9 without a reason", "HTTP/1.9 200", 200, "HTTP/1.1 200 "},
        {"with a reason beyond ASCII", "HTTP/1.1 200 D\xe9j\xe0\tvu", 200,
         "HTTP/1.1 200 D\xe9j\xe0\tvu"},
        {"of no HTTP", "HTTP/1.1 20 OK", 502, "HTTP/1.1 502 Bad Gateway"},
        {"with a status of four digits", "HTTP/1.1 2000", 502, "HTTP/1.1 502 Bad Gateway"},
        {"with a reason that is none", "HTTP/1.1 200 a\x01", 502, "HTTP/1.1 502 Bad Gateway"},
        {"of HTTP/2.0", "HTTP/2.0 200 OK", 502, "HTTP/1.1 502 Bad Gateway"},
    },
    [](const ResponseLine& row) {
      Origin origin(always(row.line + "\r\nContent-Length: 1\r\nX-A: 1\r\n\r\nx"));
      Gateway gateway({origin.port()});
      const auto answer = gateway.ask(get("/"));
      CHECK(answer.status() == row.status);
      CHECK(answer.start_line() == row.passed_on_as);
      if (row.status != 502) CHECK(answer.field("X-A") == "1");
    },
    CATCH_INTERNAL_LINEINFO);

}  // namespace

TEST_CASE("requests of later minor versions are served as HTTP/1.1 (RFC 9110 §2.5)") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  for (int minor = 1; minor <= 9; ++minor) {
    client.send(fmt::format("GET / HTTP/1.{}\r\nHost: a\r\n\r\n", minor));
    CHECK(read_response(client).status() == 200);
  }
  client.send(
      "POST / HTTP/1.5\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n");
  CHECK(read_response(client).status() == 200);
  CHECK(gateway.ask("GET / HTTP/1.3\r\n\r\n").status() == 400);  // Host is asked for, as in 1.1
  for (const auto& request : origin.requests()) {
    CHECK(request.start_line().ends_with(" HTTP/1.1"));
    CHECK(request.field("Via") == "1.1 tandem-test");
  }
}

TEST_CASE("white space around a chunk's extension is no error (RFC 9112 §7.1.1)") {
  Origin origin([](Origin& self, RawSocket& socket) {
    for (;;) socket.send(ok(self.receive(socket).body));
  });
  Gateway gateway({origin.port()});
  const auto answer =
      gateway.ask(post_chunked("5 ;a=b\r\nhello\r\n1 \t ; c = \"d\"\r\n!\r\n0\t;last\r\n\r\n"));
  CHECK(answer.body == "hello!");
}

TEST_CASE("Expect is a list, in any case of letters, with empty members (RFC 9110 §5.6.1)") {
  for (const auto* value : {"100-Continue, ", ",100-continue", "100-CONTINUE", " , "}) {
    Origin origin([](Origin& self, RawSocket& socket) {
      self.receive(socket);
      socket.send(ok("x"));
    });
    Gateway gateway({origin.port()});
    const auto answer =
        gateway.ask(fmt::format("GET / HTTP/1.1\r\nHost: a\r\nExpect: {}\r\n\r\n", value));
    CHECK(answer.status() == 200);
    const bool expects = std::string_view(value).find("100") != std::string_view::npos;
    CHECK(origin.requests().at(0).field("Expect") == (expects ? "100-continue" : ""));
  }
  Gateway gateway({});
  CHECK(gateway.ask("GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue, more\r\n\r\n").status() ==
        417);
}

}  // namespace tandem::test::unusual_heads_test
