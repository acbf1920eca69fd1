// Connections to workers of HTTP/2 that take no more calls, since the worker has left or its
// service has other settings: the calls on them lose nothing.
#include <catch2/catch.hpp>

#include "gateway.hpp"
#include "h2_raw_worker.hpp"

namespace tandem::test::h2_retired_links_test {
namespace {

// A worker that ends a connection as soon as it reads GOAWAY, as hypercorn does. Each request is
// answered when the test says so.
struct Impatient {
  std::atomic<int> asked{0};
  std::atomic<bool> go{false};
  std::atomic<int> goaway{-2};  // its code; -2: none yet
  Origin origin{[this](Origin&, RawSocket& socket) {
    H2RawWorker worker(socket);
    const auto stream = worker.await_request();
    ++asked;
    wait_until([&] { return go.load(); });
    worker.answer_pings(false);
    // The answer to this is behind what the master has said by now.
    worker.send(h2::ping("12345678"));
    const auto said = worker.next();
    if (said.type == h2::goaway_type) return;
    worker.answer(stream, "whole");
    goaway = static_cast<int>(worker.await(h2::goaway_type).number(4));
  }};
};

std::string post() { return "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"; }

void is_answered_after(const std::function<void(Gateway&)>& change) {
  Impatient worker;
  Gateway gateway({worker.origin.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  auto client = gateway.connect();
  client.send(post());
  wait_until([&] { return worker.asked == 1; });
  change(gateway);
  gateway.settle();
  worker.go = true;
  const auto answer = read_response(client);
  CHECK(answer.status() == 200);
  CHECK(answer.body == "whole");
  wait_until([&] { return worker.goaway != -2; });
  CHECK(worker.goaway == 0);
  wait_until([&] { return worker.origin.open_count() == 0; });
}

// The worker never answers on the first connection. `check` is called before the gateway ends.
void gets_another_connection(const std::function<void(Gateway&)>& change,
                             const std::function<void(Gateway&, Origin&)>& check) {
  std::atomic<int> connections{0};
  Origin origin([&](Origin&, RawSocket& socket) {
    if (++connections == 1) return socket.wait_for_hang_up();
    H2RawWorker worker(socket);
    worker.answer(worker.await_request(), "whole");
    worker.drain();
  });
  Gateway gateway({origin.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  auto client = gateway.connect();
  client.send(post());
  wait_until([&] { return connections == 1; });
  change(gateway);
  CHECK(read_response(client).body == "whole");
  CHECK(gateway.reported_failures() == 0);
  check(gateway, origin);
}

// How a server that is being replaced ends a connection that it has just accepted.
enum class TurnsAway { closes, resets, says_settings_and_goaway };

void turn_away(RawSocket& socket, TurnsAway how) {
  if (how == TurnsAway::resets) return socket.reset();
  if (how == TurnsAway::closes) return socket.close();
  H2RawWorker worker(socket);
  worker.send(h2::goaway(0, 0));
  worker.drain();
}

}  // namespace

TEST_CASE("a worker of HTTP/2 that leaves is told so when it has answered") {
  is_answered_after([](Gateway& gateway) { gateway.publish(std::vector<std::uint16_t>{}); });
}

TEST_CASE("a worker of HTTP/2 that is to speak HTTP/1 is told so when it has answered") {
  is_answered_after([](Gateway& gateway) { gateway.set({"protocol=http1"}); });
}

TEST_CASE(
    "a call that waits for a connection with old settings gets another, and nobody is blamed") {
  gets_another_connection(
      [](Gateway& gateway) { gateway.set({"protocol=http1"}); },
      [](Gateway& gateway, Origin&) { CHECK(gateway.counters(0).failures == 0); });
}

TEST_CASE("a call that waits for a worker which leaves is answered, and its connection ends") {
  gets_another_connection(
      [](Gateway& gateway) { gateway.publish(std::vector<std::uint16_t>{}); },
      [](Gateway&, Origin& origin) { wait_until([&] { return origin.open_count() == 0; }); });
}

TEST_CASE("calls on connections that a worker turns away get others, and nobody is blamed") {
  for (const auto how :
       {TurnsAway::closes, TurnsAway::resets, TurnsAway::says_settings_and_goaway}) {
    CAPTURE(static_cast<int>(how));
    std::atomic<int> connections{0};
    Origin origin([&](Origin&, RawSocket& socket) {
      if (++connections <= 2) return turn_away(socket, how);
      H2RawWorker worker(socket);
      for (;;) worker.answer(worker.await_request(), "whole");
    });
    Gateway gateway({origin.port()});
    gateway.set({"protocol=http2"});
    gateway.settle();
    std::vector<RawSocket> clients;
    for (int i = 0; i < 3; ++i) {
      clients.push_back(gateway.connect());
      clients.back().send(post());
    }
    for (auto& client : clients) CHECK(read_response(client).body == "whole");
    CHECK(connections == 3);
    CHECK(gateway.reported_failures() == 0);
    CHECK(gateway.counters(0).failures == 0);
  }
}

TEST_CASE("a worker that turns away one connection after another is asked as often as it may be") {
  std::atomic<int> connections{0};
  Origin origin([&](Origin&, RawSocket& socket) {
    ++connections;
    turn_away(socket, TurnsAway::resets);
  });
  Gateway gateway({origin.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  CHECK(gateway.ask(post()).status() == 503);
  CHECK(connections == 3);
  CHECK(gateway.reported_failures() == 0);
}

// A worker that answers one call on each of its first connections, and ends them when the next one
// comes, perhaps with a word before it.
struct Closing {
  explicit Closing(std::string_view word) : last_word(word) {}
  const std::string last_word;
  std::atomic<int> connections{0};
  Origin origin{[this](Origin&, RawSocket& socket) {
    const bool leaves = ++connections <= 2;
    H2RawWorker worker(socket);
    worker.answer(worker.await_request(), "first");
    worker.await_request();
    if (!leaves) return;
    worker.send(last_word);
    socket.close();
  }};
};

TEST_CASE("a call that may have crossed the close of an idle connection is repeated for free") {
  Closing worker("");
  Gateway gateway({worker.origin.port()});
  gateway.set({"protocol=http2", "retry_budget=0"});
  gateway.settle();
  REQUIRE(gateway.ask(get("/")).body == "first");
  CHECK(gateway.ask(get("/")).body == "first");
  CHECK(gateway.counters(0).failures == 0);
  CHECK(worker.connections == 2);
  // Nobody knows whether it was executed.
  CHECK(gateway.ask(post()).status() == 502);
  CHECK(worker.connections == 2);
}

TEST_CASE("a call that is lost on a connection which served others is repeated there at a price") {
  for (const bool may_repeat : {true, false}) {
    // It was there when the call came.
    Closing worker(h2::ping("12345678"));
    Gateway gateway({worker.origin.port()});
    gateway.set({"protocol=http2", may_repeat ? "attempts=2" : "attempts=1"});
    gateway.settle();
    REQUIRE(gateway.ask(get("/")).body == "first");
    if (may_repeat) {
      CHECK(gateway.ask(get("/")).body == "first");
    } else {
      CHECK(gateway.ask(get("/")).status() == 502);
    }
    CHECK(gateway.counters(0).failures == 1);
  }
}

}  // namespace tandem::test::h2_retired_links_test
