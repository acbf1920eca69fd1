// What a standby does with its clients' requests while another master leads.
#include <set>

#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "cluster.hpp"

namespace tandem::test::passing_on_test {

using master::StandbyTraffic;

namespace {

constexpr auto with_pass =
    "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.0.0.9\r\nTandem-Pass: ";

std::string passed(std::string_view pass) { return fmt::format("{}{}\r\n\r\n", with_pass, pass); }

}  // namespace

TEST_CASE("a standby passes requests on over kept-alive connections, with its pass alone") {
  Origin primary(always(ok("from the primary")));
  Origin worker(always(ok("from a worker")));
  Gateway standby({worker.port()}, {.node = "b", .workers_accept_terms = true});
  standby.follow("a", primary.port(), "pass-of-a");
  auto client = standby.connect();
  for (int i = 0; i < 3; ++i) {
    client.send(
        "POST /x HTTP/1.1\r\nHost: shop\r\nTandem-Pass-On: 1\r\nContent-Length: 2\r\n\r\nhi");
    CHECK(read_response(client).body == "from the primary");
  }
  CHECK(worker.connection_count() == 0);
  CHECK(primary.connection_count() == 1);
  const auto request = primary.requests().at(2);
  CHECK(request.body == "hi");
  CHECK(request.field("Host") == "shop");
  CHECK(request.field("Tandem-Pass") == "pass-of-a");
  CHECK(request.count("Via") == 0);
  CHECK(request.field("X-Forwarded-For") == "127.0.0.1");
  CHECK(request.field("X-Request-Id").size() == 32);
  CHECK(request.count("Tandem-Term") == 0);
  CHECK(request.count("Tandem-Pass-On") == 0);
}

TEST_CASE("a standby sends a POST to the primary again when its service vouches for it") {
  std::atomic<int> asked{0};
  Origin primary([&](Origin& self, RawSocket& socket) {
    for (;;) {
      self.receive(socket);
      if (++asked % 2 == 1) return;  // without an answer
      socket.send(ok("x"));
    }
  });
  Gateway standby({}, {.node = "b"});
  standby.follow("a", primary.port(), "pass-of-a");
  CHECK(standby.ask(post("once")).status() == 502);
  CHECK(asked == 1);
  asked = 0;
  standby.set({"retry_methods=POST"});
  standby.settle();
  CHECK(standby.ask(post("again")).status() == 200);
  CHECK(asked == 2);
}

TEST_CASE("the primary believes a master of its own what that says of the client") {
  Origin worker(always(ok("x")));
  Gateway primary({worker.port()}, {.node = "a", .pass = "pass-of-a"});
  Gateway standby({}, {.node = "b"});
  standby.follow("a", primary.port(), "pass-of-a");
  const auto answer = standby.ask(post("once"));
  CHECK(answer.status() == 200);
  CHECK(answer.count("Via") == 1);
  const auto request = worker.requests().at(0);
  CHECK(request.field("X-Forwarded-For") == "127.0.0.1");
  CHECK(request.field("X-Forwarded-Port") == std::to_string(standby.port()));
  CHECK(request.field("Via") == "1.1 tandem-a");
  CHECK(request.count("Tandem-Pass") == 0);
}

TEST_CASE("a worker cannot tell whether a standby was asked, whoever asks") {
  Origin worker(always(ok("x")));
  const std::vector<std::string> proxies{"127.0.0.1"};
  for (const auto& trusted : {std::vector<std::string>(), proxies}) {
    Gateway primary({worker.port()},
                    {.trusted_proxies = trusted, .node = "a", .pass = "pass-of-a"});
    Gateway standby({}, {.trusted_proxies = trusted, .node = "b"});
    primary.publish({{"shop", worker.port()}}, {"/shop=shop,strip"});
    standby.follow("a", primary.port(), "pass-of-a");
    const auto seen = [&](const Gateway& gateway) {
      gateway.ask(
          "GET /shop/x HTTP/1.1\r\nHost: h:8\r\nX-Forwarded-For: 192.0.2.7\r\nX_Name: 1\r\n"
          "X-Forwarded-Proto: https\r\nX-Forwarded-Prefix: /front/\r\nX-Real-IP: 192.0.2.7\r\n"
          "Via: 1.1 front\r\nX-Request-Id: id\r\n\r\n");
      auto head = worker.requests().back().head;
      const auto port = "X-Forwarded-Port: " + std::to_string(gateway.port()) + "\r\n";
      if (const auto at = head.find(port); at != head.npos) head.erase(at, port.size());
      std::multiset<std::string> lines;  // the order of fields may differ
      for (std::size_t at = 0; at < head.size(); at = head.find('\n', at) + 1) {
        lines.insert(head.substr(at, head.find('\n', at) - at));
      }
      return lines;
    };
    CHECK(seen(primary) == seen(standby));
  }
}

TEST_CASE("a client of a standby has the limit that it has at the primary") {
  Origin worker(always(ok("x")));
  Gateway primary({worker.port()}, {.rate_limit = {.per_second = 0.01, .burst = 1},
                                    .trusted_proxies = {"127.0.0.1"},
                                    .pass = "pass-of-a"});
  Gateway standby({}, {.trusted_proxies = {"127.0.0.1"}, .node = "b"});
  standby.follow("a", primary.port(), "pass-of-a");
  const auto ask = [](const Gateway& gateway, std::string_view client) {
    return gateway
        .ask(fmt::format("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {}\r\n\r\n", client))
        .status();
  };
  CHECK(ask(primary, "192.0.2.7") == 200);
  CHECK(ask(standby, "192.0.2.7:99") == 429);
  CHECK(ask(standby, "192.0.2.8") == 200);
  CHECK(ask(primary, "192.0.2.8") == 429);
}

TEST_CASE("a primary serves who shows a wrong pass, and believes it nothing") {
  Origin worker(always(ok("x")));
  Gateway primary({worker.port()}, {.pass = "right"});
  Gateway without({worker.port()});
  for (const auto* pass : {"wrong", "righ", "righty", ""}) {
    CHECK(primary.ask(passed(pass)).status() == 200);
    CHECK(without.ask(passed(pass)).status() == 200);
  }
  CHECK(primary.ask(passed("right")).status() == 200);
  const auto requests = worker.requests();
  REQUIRE(requests.size() == 9);
  for (std::size_t i = 0; i < 8; ++i) CHECK(requests[i].field("X-Forwarded-For") == "127.0.0.1");
  CHECK(requests[8].field("X-Forwarded-For") == "10.0.0.9");
}

TEST_CASE("a standby never passes on what bears a pass, right or wrong, and says so") {
  Origin primary(always(ok("x")));
  for (const auto traffic :
       {StandbyTraffic::forward, StandbyTraffic::redirect, StandbyTraffic::refuse}) {
    Gateway standby({}, {.pass = "right", .standby_traffic = traffic});
    standby.follow("a", primary.port(), "pass-of-a");
    auto client = standby.connect();
    for (const auto* pass : {"right", "wrong", ""}) {
      client.send(passed(pass));
      const auto answer = read_response(client);
      CHECK(answer.status() == 503);
      CHECK(code_of(answer) == "not_primary");
      CHECK(answer.field("Retry-After") == "1");
      CHECK(answer.field("Tandem-Not-Primary") == "1");
    }
  }
  CHECK(primary.connection_count() == 0);
}

TEST_CASE("what bears a pass does not wait for a primary") {
  Origin worker(always(ok("x")));
  Gateway gateway({worker.port()});
  const auto check = [&] { CHECK(code_of(gateway.ask(passed("any"))) == "not_primary"); };
  gateway.know_nobody();
  check();
  gateway.lead(2);
  gateway.gate().set_serve_until(Instant::never());
  check();
  CHECK(worker.request_count() == 0);
}

TEST_CASE("a worker's refusal of a term reaches the master that passed the request on") {
  PromisingWorker worker(5);
  Origin origin(worker.script());
  Gateway primary({origin.port()}, {.pass = "p", .workers_accept_terms = true});
  const auto answer = primary.ask(passed("p"));
  CHECK(answer.status() == 503);
  CHECK(answer.field("Tandem-Not-Primary") == "1");
  CHECK(primary.reported_terms() == std::vector<std::uint64_t>{5});
}

TEST_CASE("two masters that each take the other for the primary send a request round only once") {
  Gateway a({}, {.node = "a", .pass = "pass-of-a"});
  Gateway b({}, {.node = "b", .pass = "pass-of-b"});
  a.follow("b", b.port(), "pass-of-b");
  b.follow("a", a.port(), "pass-of-a");
  const auto answer = a.ask(post("never"));
  CHECK(answer.status() == 503);
  CHECK(code_of(answer) == "no_primary");
  CHECK(answer.count("Tandem-Not-Primary") == 0);
}

TEST_CASE("with --standby-traffic redirect the client is told where to go (RFC 9110 §15.4.8)") {
  Origin primary(always(ok("x")));
  Gateway standby({}, {.standby_traffic = StandbyTraffic::redirect});
  standby.follow("a", primary.port(), "secret-pass");
  const auto base = fmt::format("http://127.0.0.1:{}", primary.port());
  const std::vector<std::pair<std::string, std::string>> targets{
      {"/a?b=c", "/a?b=c"}, {"http://shop.example/x", "/x"}, {"http://shop.example?q", "/?q"}};
  for (const auto& [target, expected] : targets) {
    const auto answer = standby.ask(get(target));
    CHECK(answer.status() == 307);
    CHECK(answer.field("Location") == base + expected);
    CHECK(code_of(answer) == "not_primary");
    CHECK(answer.head.find("secret-pass") == std::string::npos);
  }
  CHECK(standby.ask("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").field("Location") == base);
  CHECK(standby.ask("HEAD /h HTTP/1.1\r\nHost: a\r\n\r\n", true).field("Location") == base + "/h");
  auto client = standby.connect();
  for (int i = 0; i < 2; ++i) {  // the connection goes on
    client.send(post("body"));
    CHECK(read_response(client).status() == 307);
  }
  const std::string longest(16'000, 'l');
  CHECK(standby.ask(get("/" + longest)).field("Location") == base + "/" + longest);
  CHECK(primary.connection_count() == 0);
}

TEST_CASE("with --standby-traffic refuse the answer is 503") {
  Origin primary(always(ok("x")));
  Gateway standby({}, {.standby_traffic = StandbyTraffic::refuse});
  standby.follow("a", primary.port(), "pass");
  const auto answer = standby.ask(get("/"));
  CHECK(answer.status() == 503);
  CHECK(code_of(answer) == "not_primary");
  CHECK(answer.field("Retry-After") == "1");
  CHECK(answer.count("Tandem-Not-Primary") == 0);
  CHECK(primary.connection_count() == 0);
}

TEST_CASE("while nobody is known to lead a request waits, whatever --standby-traffic says") {
  for (const auto traffic : {StandbyTraffic::redirect, StandbyTraffic::refuse}) {
    Origin worker(always(ok("x")));
    Gateway gateway({worker.port()}, {.standby_traffic = traffic});
    gateway.know_nobody();
    auto client = gateway.connect();
    client.send(get("/"));
    CHECK(client.stays_silent(100));
    gateway.lead(3);
    CHECK(read_response(client).status() == 200);
  }
}

TEST_CASE("streamed bodies, long answers and upgrades are passed on as well") {
  Origin worker([](Origin& self, RawSocket& socket) {
    for (;;) {
      const auto request = self.receive(socket);
      if (request.count("Upgrade") == 0) {
        socket.send(ok(request.body));
        continue;
      }
      socket.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
      socket.send(socket.read_until("\n"));
    }
  });
  Gateway primary({worker.port()}, {.node = "a", .pass = "p"});
  Gateway standby({}, {.node = "b"});
  standby.follow("a", primary.port(), "p");
  const std::string body(1'000'000, 'b');
  CHECK(standby.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + body).body ==
        body);
  auto client = standby.connect();
  client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
  CHECK(read_response(client).status() == 101);
  client.send("hello\n");
  CHECK(client.read_until("\n") == "hello\n");
}

TEST_CASE("an application that claims not to be the primary is not believed") {
  Origin worker(always(not_primary()));
  Gateway primary({worker.port()}, {.node = "a", .pass = "p"});
  Gateway standby({}, {.node = "b"});
  standby.follow("a", primary.port(), "p");
  for (const auto* gateway : {&primary, &standby}) {
    const auto answer = gateway->ask(post("once"));
    CHECK(answer.status() == 503);
    CHECK(answer.body == "{}");
    CHECK(answer.count("Tandem-Not-Primary") == 0);
  }
  CHECK(worker.request_count() == 2);
}

TEST_CASE("a standby passes the primary's own failures on") {
  Gateway primary({}, {.node = "a", .pass = "p"});
  Gateway standby({}, {.node = "b"});
  standby.follow("a", primary.port(), "p");
  CHECK(code_of(standby.ask(post("x"))) == "no_worker");
}

}  // namespace tandem::test::passing_on_test
