// What a gateway must not pass on: it answers itself, closes the connection, and no worker sees a byte.
#include <catch2/catch.hpp>

#include "gateway.hpp"

using namespace tandem::test;

namespace {

struct Case {
  const char* why;
  std::string request;
  unsigned status = 400;
};

std::string with_field(const std::string& field) {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + field + "\r\n\r\n";
}

std::vector<Case> cases() {
  return {
      {"Content-Length with Transfer-Encoding", with_field("Content-Length: 3\r\nTransfer-Encoding: chunked")},
      {"Transfer-Encoding with Content-Length", with_field("Transfer-Encoding: chunked\r\nContent-Length: 3")},
      {"differing Content-Lengths", with_field("Content-Length: 3\r\nContent-Length: 4")},
      {"a list of differing Content-Lengths", with_field("Content-Length: 3, 4")},
      {"a signed Content-Length", with_field("Content-Length: +3")},
      {"a negative Content-Length", with_field("Content-Length: -3")},
      {"a hexadecimal Content-Length", with_field("Content-Length: 0x3")},
      {"an empty Content-Length", with_field("Content-Length: ")},
      {"an overflowing Content-Length", with_field("Content-Length: 18446744073709551616")},
      {"an unknown transfer coding", with_field("Transfer-Encoding: xchunked")},
      {"a coding before chunked", with_field("Transfer-Encoding: gzip, chunked")},
      {"chunked not last", with_field("Transfer-Encoding: chunked, identity")},
      {"chunked twice", with_field("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked")},
      {"an empty Transfer-Encoding", with_field("Transfer-Encoding: ")},
      {"Transfer-Encoding in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {"a bare LF after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n"},
      {"bare LFs everywhere", "GET / HTTP/1.1\nHost: a\n\n"},
      {"a bare CR in a value", with_field("X: a\rb")},
      {"a NUL in a value", with_field(std::string("X: a\0b", 6))},
      {"a control character in a value", with_field("X: a\x01" "b")},
      {"a space before the colon", with_field("X : a")},
      {"an empty field name", with_field(": a")},
      {"a field name that is no token", with_field("X(: a")},
      {"a first field line that begins with a space", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"},
      {"a folded field", with_field("X: a\r\n b")},
      {"no Host in HTTP/1.1", "GET / HTTP/1.1\r\n\r\n"},
      {"two Hosts", with_field("Host: b")},
      {"a Host with a space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"},
      {"a Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
      {"HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
      {"HTTP/0.9", "GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505},
      {"a lower-case version", "GET / http/1.1\r\nHost: a\r\n\r\n", 505},
      {"a version without the minor number", "GET / HTTP/1\r\nHost: a\r\n\r\n", 505},
      {"two spaces before the target", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"a method that is no token", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"a target without a slash", "GET a HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"a target with a fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"the asterisk with GET", "GET * HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"another scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"absolute-form without a host", "GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"user information in the target", "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 405},
      {"an unknown expectation", with_field("Expect: 200-ok"), 417},
      {"a TLS hello", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11)},
  };
}

std::string chunked(const std::string& body) {
  return "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body;
}

}  // namespace

TEST_CASE("a request whose meaning is not certain is refused and reaches no worker") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  for (const auto& each : cases()) {
    INFO(each.why);
    auto client = gateway.connect();
    client.send(each.request);
    const auto answer = read_response(client);
    CHECK(answer.status() == each.status);
    CHECK(answer.field("Connection") == "close");
    CHECK(answer.body.find("\"error\"") != std::string::npos);
    CHECK(client.closes());
  }
  CHECK(origin.request_count() == 0);
}

TEST_CASE("a chunked body that is not well-formed is answered 400 and never completed at the worker") {
  const std::vector<std::pair<const char*, std::string>> bodies = {
      {"a signed size", "+1\r\na\r\n0\r\n\r\n"},
      {"a size with a prefix", "0x1\r\na\r\n0\r\n\r\n"},
      {"a size with an underscore", "1_0\r\na\r\n0\r\n\r\n"},
      {"an overflowing size", "fffffffffffffffff\r\na\r\n0\r\n\r\n"},
      {"an empty size", "\r\na\r\n0\r\n\r\n"},
      {"a bare LF after the size", "1\na\r\n0\r\n\r\n"},
      {"garbage after a chunk", "1\r\nab\r\n0\r\n\r\n"},
      {"a space before the size", " 1\r\na\r\n0\r\n\r\n"},
      {"a control character in an extension", "1;a=\x01\r\na\r\n0\r\n\r\n"},
      {"an extension without end", "1;" + std::string(2000, 'a') + "\r\na\r\n0\r\n\r\n"},
      {"a trailer without a colon", "0\r\nabc\r\n\r\n"},
      {"trailers without end", "0\r\n" + std::string(20'000, 'a') + ": 1\r\n\r\n"},
  };
  for (const auto& [why, body] : bodies) {
    INFO(why);
    Origin origin(always(ok("x")));
    Gateway gateway({origin.port()});
    auto client = gateway.connect();
    client.send(chunked(body));
    CHECK(read_response(client).status() == 400);
    CHECK(client.closes());
    CHECK(origin.request_count() == 0);
  }
}

TEST_CASE("a target over 16 KiB is answered 414, one of 16 KiB is served") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  CHECK(gateway.ask(get("/" + std::string(16 * 1024 - 1, 'a'))).status() == 200);
  CHECK(gateway.ask(get("/" + std::string(16 * 1024, 'a'))).status() == 414);
  CHECK(gateway.ask(get("/" + std::string(60 * 1024, 'a'))).status() == 414);
}

TEST_CASE("256 fields are served, 257 are answered 431") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  const auto request = [](int fields) {
    std::string text = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (int i = 1; i < fields; ++i) text += "X: 1\r\n";
    return text + "\r\n";
  };
  CHECK(gateway.ask(request(256)).status() == 200);
  CHECK(gateway.ask(request(257)).status() == 431);
}

TEST_CASE("a head of nearly 64 KiB is served, a longer one is answered 431") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  const auto request = [](std::size_t bytes) {
    std::string text = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    return text + std::string(bytes - text.size() - 4, 'a') + "\r\n\r\n";
  };
  CHECK(gateway.ask(request(64 * 1024 - 1)).status() == 200);
  CHECK(gateway.ask(request(64 * 1024 + 100)).status() == 431);
}
