// Max-Forwards, TRACE and OPTIONS (RFC 9110 §7.6.2, §9.3.7, §9.3.8), and trace context.
#include <catch2/catch.hpp>

#include "gateway.hpp"
#include "table.hpp"

namespace tandem::test::max_forwards_test {

TEST_CASE("TRACE is answered 405 unless it is allowed, whatever its Max-Forwards") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  for (const auto* field : {"", "Max-Forwards: 0\r\n"}) {
    const auto answer = gateway.ask(fmt::format("TRACE / HTTP/1.1\r\nHost: a\r\n{}\r\n", field));
    CHECK(answer.status() == 405);
    CHECK(answer.field("Allow").find("TRACE") == std::string::npos);
    CHECK(answer.field("Allow").find("OPTIONS") != std::string::npos);
  }
  CHECK(origin.request_count() == 0);
  Gateway open({origin.port()}, {.allows_trace = true});
  CHECK(open.ask("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n").status() == 200);
  CHECK(open.ask("OPTIONS * HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n")
            .field("Allow")
            .find("TRACE") != std::string::npos);
}

TEST_CASE(
    "TRACE with Max-Forwards 0 is answered here, with an echo of what came (RFC 9110 §9.3.8)") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, {.allows_trace = true});
  auto client = gateway.connect();
  client.send("TRACE /a?b HTTP/1.1\r\nHost: a\r\nmax-forwards: 0\r\nX-Kept: 1\r\n\r\n" +
              get("/next"));
  const auto answer = read_response(client);
  CHECK(answer.status() == 200);
  CHECK(answer.field("Content-Type") == "message/http");
  CHECK(answer.body == "TRACE /a?b HTTP/1.1\r\nHost: a\r\nmax-forwards: 0\r\nX-Kept: 1\r\n\r\n");
  CHECK(read_response(client).body == "x");
  CHECK(origin.request_count() == 1);
}

TEST_CASE("an echo does not disclose secrets (RFC 9110 §9.3.8)") {
  Gateway gateway({}, {.allows_trace = true});
  const auto answer = gateway.ask(
      "TRACE / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\nCookie: s=1\r\nauthorization: Basic "
      "c2VjcmV0\r\n"
      "Proxy-Authorization: Basic c2VjcmV0\r\n\r\n");
  CHECK(answer.status() == 200);
  for (const auto* secret : {"s=1", "c2VjcmV0", "ookie", "uthorization"}) {
    CHECK(answer.body.find(secret) == std::string::npos);
  }
}

TEST_CASE("OPTIONS with Max-Forwards 0 is answered here, with what is allowed (RFC 9110 §9.3.7)") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  for (const auto* target : {"*", "/a"}) {
    client.send("OPTIONS " + std::string(target) +
                " HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n");
    const auto answer = read_response(client);
    CHECK(answer.status() == 200);
    CHECK(answer.field("Content-Length") == "0");
    CHECK(answer.field("Allow").find("GET") != std::string::npos);
  }
  CHECK(origin.request_count() == 0);
}

TEST_CASE("OPTIONS with Max-Forwards 0 and a body leaves the connection in order") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  client.send("OPTIONS * HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\nContent-Length: 5\r\n\r\nhello" +
              get("/next"));
  CHECK(read_response(client).status() == 200);
  CHECK(read_response(client).body == "x");
}

namespace {

struct Hops {
  const char* why;
  const char* method;
  const char* came;
  const char* went;
};

[[maybe_unused]] const bool hops = each_row_is_a_case<Hops>(
    "Max-Forwards (RFC 9110 §7.6.2)",
    {
        {"TRACE is forwarded with one less", "TRACE", "1", "0"},
        {"OPTIONS is forwarded with one less", "OPTIONS", "10", "9"},
        {"leading zeros do not matter", "TRACE", "0010", "9"},
        {"a number without end becomes one that can be counted", "TRACE", "99999999999999999999999",
         "4294967294"},
        {"of other methods it is passed on as it is", "GET", "0", "0"},
    },
    [](const Hops& row) {
      Origin origin(always(ok("x")));
      Gateway gateway({origin.port()}, {.allows_trace = true});
      gateway.ask(fmt::format("{} / HTTP/1.1\r\nHost: a\r\nMax-Forwards: {}\r\n\r\n", row.method,
                              row.came));
      CHECK(origin.requests().at(0).field("Max-Forwards") == row.went);
    },
    CATCH_INTERNAL_LINEINFO);

const std::string trace(32, 'a');
const std::string parent(16, 'b');

struct Trace {
  const char* why;
  std::string fields;
  bool passed_on;
};

[[maybe_unused]] const bool traces = each_row_is_a_case<Trace>(
    "traceparent (W3C Trace Context §3.2)",
    {
        {"a sound one is passed on", "traceparent: 00-" + trace + "-" + parent + "-01", true},
        {"a later version with more behind is passed on",
         "traceparent: cc-" + trace + "-" + parent + "-01-x", true},
        {"version 00 with more behind is dropped",
         "traceparent: 00-" + trace + "-" + parent + "-01-x", false},
        {"version ff is dropped", "traceparent: ff-" + trace + "-" + parent + "-01", false},
        {"capital digits are dropped",
         "traceparent: 00-" + std::string(32, 'A') + "-" + parent + "-01", false},
        {"a trace of zeros is dropped",
         "traceparent: 00-" + std::string(32, '0') + "-" + parent + "-01", false},
        {"a parent of zeros is dropped",
         "traceparent: 00-" + trace + "-" + std::string(16, '0') + "-01", false},
        {"a short one is dropped", "traceparent: 00-" + trace + "-" + parent + "-0", false},
        {"an empty one is dropped", "traceparent: ", false},
        {"two are dropped",
         "traceparent: 00-" + trace + "-" + parent + "-01\r\ntraceparent: 00-" + trace + "-" +
             parent + "-00",
         false},
        {"without it tracestate is dropped", "X: y", false},
    },
    [](const Trace& row) {
      Origin origin(always(ok("x")));
      Gateway gateway({origin.port()});
      gateway.ask("GET / HTTP/1.1\r\nHost: a\r\nTracestate: k=v\r\n" + row.fields + "\r\n\r\n");
      const auto request = origin.requests().at(0);
      CHECK(request.count("traceparent") == (row.passed_on ? 1u : 0u));
      CHECK(request.field("tracestate") == (row.passed_on ? "k=v" : ""));
      if (row.passed_on) CHECK(request.head.find(row.fields) != std::string::npos);
    },
    CATCH_INTERNAL_LINEINFO);

}  // namespace

}  // namespace tandem::test::max_forwards_test
