// Trailers are forwarded apart and never merged; what must not stand there is dropped (RFC 9110
// §6.5).
#include <catch2/catch.hpp>

#include "gateway.hpp"
#include "table.hpp"

namespace tandem::test::trailers_test {
namespace {

struct Row {
  std::string why;
};

std::vector<Row> forbidden() {
  std::vector<Row> rows;
  for (const auto* name :
       {"Content-Length", "Transfer-Encoding", "Host", "Connection", "Trailer", "Upgrade",
        "Authorization", "Proxy-Authorization", "Set-Cookie", "Cookie", "Content-Type",
        "Content-Encoding", "Content-Range", "Cache-Control", "Expect", "Max-Forwards", "TE",
        "X-Forwarded-For", "Tandem-Term"}) {
    rows.push_back({name});
  }
  return rows;
}

std::string chunks_with(const std::string& trailers) {
  return "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n" + trailers + "\r\n";
}

[[maybe_unused]] const bool dropped = each_row_is_a_case<Row>(
    "a trailer field that must not be one is dropped in both directions (RFC 9110 §6.5.1)",
    forbidden(),
    [](const Row& row) {
      const auto trailers = "X-First: 1\r\n" + row.why + ": 7\r\nX-Last: 2\r\n";
      Origin origin(always("HTTP/1.1 200 OK\r\n" + chunks_with(trailers)));
      Gateway gateway({origin.port()});
      auto client = gateway.connect();
      for (int i = 0; i < 2; ++i) {
        client.send("POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n" + chunks_with(trailers));
        const auto answer = read_response(client);
        CHECK(answer.body == "hi");
        CHECK(answer.trailers == "X-First: 1\r\nX-Last: 2\r\n");
        CHECK(origin.requests().back().body == "hi");
        CHECK(origin.requests().back().trailers == "X-First: 1\r\nX-Last: 2\r\n");
      }
    },
    CATCH_INTERNAL_LINEINFO);

}  // namespace

TEST_CASE("TE: trailers is said to the worker, other codings are not (RFC 9110 §10.1.4)") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  gateway.ask("GET / HTTP/1.1\r\nHost: a\r\nTE: deflate, Trailers\r\nConnection: TE\r\n\r\n");
  gateway.ask("GET / HTTP/1.1\r\nHost: a\r\nTE: deflate\r\nConnection: TE\r\n\r\n");
  CHECK(origin.requests().at(0).field("TE") == "trailers");
  CHECK(origin.requests().at(0).field("Connection") == "TE");
  CHECK(origin.requests().at(1).count("TE") == 0);
}

TEST_CASE("Trailer, which announces trailers, is passed on (RFC 9110 §6.6.2)") {
  Origin origin(always("HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\n" + chunks_with("X-Sum: 1\r\n")));
  Gateway gateway({origin.port()});
  const auto answer = gateway.ask(get("/"));
  CHECK(answer.field("Trailer") == "X-Sum");
  CHECK(answer.trailers == "X-Sum: 1\r\n");
}

TEST_CASE("an HTTP/1.0 client gets no trailers (RFC 9112 §6.1)") {
  Origin origin(always("HTTP/1.1 200 OK\r\n" + chunks_with("X-Sum: 1\r\n")));
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  client.send("GET / HTTP/1.0\r\n\r\n");
  CHECK(client.read_to_end().ends_with("\r\n\r\nhi"));
}

}  // namespace tandem::test::trailers_test
