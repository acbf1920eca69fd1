// Every method at every stage of failure: how often a request is executed, counted at the workers
// (RFC 9110 §9.2.2).
#include <catch2/catch.hpp>

#include "gateway.hpp"
#include "table.hpp"

namespace tandem::test::retry_methods_test {
namespace {

// How a worker fails, each on a fresh connection.
enum class Stage {
  refuses,
  resets_on_request,
  closes_after_request,
  closes_in_head,
  closes_in_short_body
};

struct Row {
  std::string why;
  std::string method;
  Stage stage;
  bool again;  // another worker is asked
};

Origin::Script failing_at(Stage stage) {
  return [stage](Origin& self, RawSocket& socket) {
    if (stage == Stage::resets_on_request) {
      socket.read_exactly(1);
      return socket.reset();
    }
    self.receive(socket);
    if (stage == Stage::closes_in_head) socket.send("HTTP/1.1 200 OK\r\nConten");
    if (stage == Stage::closes_in_short_body)
      socket.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
  };
}

std::string request(const std::string& method) {
  const bool has_body = method == "PUT" || method == "POST" || method == "PATCH";
  return method + " / HTTP/1.1\r\nHost: a\r\n" +
         (has_body ? "Content-Length: 4\r\n\r\nbody" : "\r\n");
}

std::vector<Row> rows() {
  const std::vector<std::pair<Stage, const char*>> stages = {
      {Stage::refuses, "refuses the connection"},
      {Stage::resets_on_request, "resets when the request comes"},
      {Stage::closes_after_request, "closes after the request"},
      {Stage::closes_in_head, "closes inside the head of its answer"},
      {Stage::closes_in_short_body, "closes inside a short answer"},
  };
  std::vector<Row> all;
  for (const auto& [stage, name] : stages) {
    for (const std::string method :
         {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "POST", "PATCH"}) {
      // An answer to HEAD has no body that could be cut.
      if (method == "HEAD" && stage == Stage::closes_in_short_body) continue;
      const bool idempotent = method != "POST" && method != "PATCH";
      const bool again = idempotent || stage == Stage::refuses;
      const auto why = fmt::format("{} at a worker that {} is {}", method, name,
                                   again ? "executed once at another" : "not sent again");
      all.push_back({why, method, stage, again});
    }
  }
  return all;
}

void check(const Row& row) {
  Origin failing(failing_at(row.stage));
  Origin good(
      always(row.method == "HEAD" ? "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" : ok("good")));
  if (row.stage == Stage::refuses) failing.stop_listening();
  Gateway gateway({failing.port(), good.port()}, {.allows_trace = true});
  // Round robin: of two requests, one meets the failing worker, or each if it goes on to the other.
  unsigned answered = 0;
  unsigned failed = 0;
  for (int i = 0; i < 2; ++i) {
    const auto status = gateway.ask(request(row.method), row.method == "HEAD").status();
    answered += status == 200 ? 1 : 0;
    failed += status == 502 ? 1 : 0;
  }
  CHECK(answered == (row.again ? 2u : 1u));
  CHECK(failed == (row.again ? 0u : 1u));
  CHECK(good.request_count() == (row.again ? 2u : 1u));
  CHECK(failing.request_count() <= (row.again ? 2u : 1u));
  CHECK(gateway.reported_failures() == (row.stage == Stage::refuses ? 1u : 0u));
  for (const auto& seen : good.requests()) {
    CHECK(seen.body ==
          (row.method == "PUT" || row.method == "POST" || row.method == "PATCH" ? "body" : ""));
  }
}

[[maybe_unused]] const bool retries =
    each_row_is_a_case<Row>("retry (RFC 9110 §9.2.2)", rows(), check, CATCH_INTERNAL_LINEINFO);

// What a service says of its methods goes before what the RFC says of them.
struct Said {
  const char* why;
  std::string setting;
  std::string method;
  Stage stage;
  bool again;
};

[[maybe_unused]] const bool said = each_row_is_a_case<Said>(
    "retry_methods",
    {
        {"a POST that the service vouches for is executed at another", "POST", "POST",
         Stage::closes_after_request, true},
        {"so is a method of its own", "GET,PURGE", "PURGE", Stage::resets_on_request, true},
        {"a POST whose answer broke in the middle, too", "GET,POST", "POST",
         Stage::closes_in_short_body, true},
        {"a PUT that it does not name is not sent again", "GET", "PUT", Stage::closes_after_request,
         false},
        {"a GET that it names is", "GET", "GET", Stage::closes_after_request, true},
        {"with none a GET is not sent again", "none", "GET", Stage::closes_after_request, false},
        {"case matters", "POST", "post", Stage::closes_after_request, false},
        {"with none a GET that was not sent goes to another", "none", "GET", Stage::refuses, true},
        {"a POST that was not sent goes to another, named or not", "GET", "POST", Stage::refuses,
         true},
    },
    [](const Said& row) {
      Origin failing(failing_at(row.stage)), good(always(ok("good")));
      if (row.stage == Stage::refuses) failing.stop_listening();
      Gateway gateway({failing.port(), good.port()});
      gateway.set({fmt::format("retry_methods={}", row.setting)});
      gateway.settle();
      // Round robin: of two requests, one meets the failing worker.
      unsigned failed = 0;
      for (int i = 0; i < 2; ++i) failed += gateway.ask(request(row.method)).status() == 502;
      CHECK(failed == (row.again ? 0u : 1u));
      CHECK(good.request_count() == (row.again ? 2u : 1u));
      // Each request is sent to it once, and it is connected to once more after each.
      CHECK(failing.request_count() <= 2);
    },
    CATCH_INTERNAL_LINEINFO);

struct Streamed {
  const char* why;
  std::string fields;
  std::string body;
};

[[maybe_unused]] const bool streamed = each_row_is_a_case<Streamed>(
    "a streamed PUT is not sent again, for its body is gone (RFC 9110 §9.2.2)",
    {
        {"chunked", "Transfer-Encoding: chunked",
         "11170\r\n" + std::string(70'000, 'x') + "\r\n0\r\n\r\n"},
        {"longer than what is kept", "Content-Length: 70000", std::string(70'000, 'x')},
    },
    [](const Streamed& row) {
      Origin failing(failing_at(Stage::closes_after_request)), good(always(ok("good")));
      Gateway gateway({failing.port(), good.port()});
      unsigned failed = 0;
      for (int i = 0; i < 2; ++i) {
        const auto put = "PUT / HTTP/1.1\r\nHost: a\r\n" + row.fields + "\r\n\r\n" + row.body;
        failed += gateway.ask(put).status() == 502 ? 1 : 0;
      }
      CHECK(failed == 1);
      CHECK(failing.request_count() + good.request_count() == 2);
    },
    CATCH_INTERNAL_LINEINFO);

}  // namespace

TEST_CASE(
    "a GET of whose long answer bytes were passed on is not sent again: the client's connection "
    "breaks") {
  Origin failing([](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + std::string(50'000, 'x'));
  });
  Origin good(always(ok("good")));
  Gateway gateway({failing.port(), good.port()});
  unsigned broken = 0;
  for (int i = 0; i < 2; ++i) {
    auto client = gateway.connect();
    client.send(get("/"));
    bool reset = false;
    const auto all = client.read_exactly(12);
    CHECK(all == "HTTP/1.1 200");
    if (client.read_until("\r\n\r\n").find("100000") == std::string::npos) continue;
    const auto body = client.read_to_end(&reset);
    CHECK(body.size() < 100'000);
    broken += reset ? 1 : 0;
  }
  CHECK(broken == 1);
  CHECK(good.request_count() == 1);
}

TEST_CASE("a GET after an interim response was passed on is not sent again") {
  Origin failing([](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  });
  Origin good(always(ok("good")));
  Gateway gateway({failing.port(), good.port()});
  for (int i = 0; i < 2; ++i) {
    auto client = gateway.connect();
    client.send(get("/"));
    const auto first = read_response(client);
    if (first.status() == 103) CHECK(read_response(client).status() == 502);
  }
  CHECK(failing.request_count() == 1);
  CHECK(good.request_count() == 1);
}

TEST_CASE("a route may say which methods are sent again, in place of its service") {
  Origin failing(failing_at(Stage::closes_after_request));
  Origin good(always(ok("good")));
  Gateway gateway({failing.port(), good.port()}, {.forgives = true});
  tandem::wire::ServiceSettings of_route;
  REQUIRE(tandem::wire::parse_setting("retry_methods=POST", "route", of_route));
  gateway.set({"retry_methods=none", "retry_budget=100"});
  gateway.publish_route("/safe", of_route.rules);
  gateway.settle();
  constexpr auto post = "POST {} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
  unsigned failed = 0;
  for (int i = 0; i < 4; ++i) CHECK(gateway.ask(fmt::format(post, "/safe")).status() == 200);
  for (int i = 0; i < 4; ++i) failed += gateway.ask(fmt::format(post, "/other")).status() == 502;
  CHECK(failed > 0);
}

TEST_CASE("a POST that the service vouches for gets another answer where one is worth it") {
  Origin failing(always("HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n"));
  Origin good(always(ok("good")));
  Gateway gateway({failing.port(), good.port()}, {.breaker = {.failures_in_a_row = 0}});
  gateway.set({"retry_methods=POST", "retry_on=503", "retry_backoff=0ms"});
  gateway.settle();
  for (int i = 0; i < 2; ++i) CHECK(gateway.ask(request("POST")).status() == 200);
  const auto before = failing.request_count();
  CHECK(before >= 1);
  CHECK(good.request_count() == 2);
  unsigned refused = 0;
  for (int i = 0; i < 4; ++i) refused += gateway.ask(request("PUT")).status() == 503;
  CHECK(refused == failing.request_count() - before);
  CHECK(refused >= 1);
}

TEST_CASE("a worker's 5xx is its answer, and is passed on instead of being tried again") {
  Origin origin(
      always("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"));
  Gateway gateway({origin.port()});
  const auto answer = gateway.ask(get("/"));
  CHECK(answer.status() == 503);
  CHECK(answer.field("Retry-After") == "7");
  CHECK(origin.request_count() == 1);
  CHECK(gateway.reported_failures() == 0);
}

}  // namespace tandem::test::retry_methods_test
