// Calls to workers of HTTP/2 that are cancelled: the worker is told at once, and their places are
// free when it is known to have read that. With quiet workers, whether they are still there.
#include <catch2/catch.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <thread>

#include "gateway.hpp"
#include "h2_client.hpp"
#include "h2_raw_worker.hpp"

namespace tandem::test::h2_cancelled_calls_test {

using namespace std::chrono_literals;

namespace {

// A gateway before a worker whose connections do as the script says; it answers PINGs itself.
struct Scene {
  using Script = std::function<void(Scene&, H2RawWorker&)>;

  explicit Scene(Script script, Gateway::Options options = {}, std::uint32_t streams_max = 100)
      : origin([this, script, streams_max](Origin&, RawSocket& socket) {
          H2RawWorker worker(socket, {{h2::max_concurrent_streams, streams_max}});
          worker.answer_pings(false);
          script(*this, worker);
        }),
        gateway({origin.port()}, options) {
    gateway.set({"protocol=http2"});
    gateway.settle();
    client.emplace(gateway.port());
  }
  std::size_t places() const { return gateway.counters(0).open_connections; }
  RawSocket ask(std::string_view path) {
    auto client = gateway.connect();
    client.send(get(path));
    return client;
  }
  // A client that asks, and takes that back once the worker has its request.
  void ask_and_cancel() {
    const int before = seen;
    const auto stream = client->ask(h2::get());
    wait_until([&] { return seen > before; });
    client->send(h2::rst_stream(stream, 8));
  }

  std::atomic<int> seen{0};  // requests, as the script counts them
  std::atomic<int> resets{0};
  Origin origin;
  Gateway gateway;
  std::optional<H2Client> client;
};

}  // namespace

TEST_CASE(
    "a cancelled call keeps its place until the worker has answered a PING behind the reset") {
  h2::Frame reset, ping;
  std::atomic<bool> pinged{false};
  std::atomic<bool> may_answer{false};
  Scene scene(
      [&](Scene& self, H2RawWorker& worker) {
        worker.await_request();
        ++self.seen;
        reset = worker.next();
        ping = worker.next();
        pinged = true;
        wait_until([&] { return may_answer.load(); });
        worker.send(h2::ping(ping.payload, h2::ack));
        worker.answer(worker.await_request(), "hello");
        worker.drain();
      },
      {.connections = 1, .timeouts = {.queue_wait = 50ms}});
  scene.ask_and_cancel();
  wait_until([&] { return pinged.load(); });
  CHECK(reset.type == h2::rst_stream_type);
  CHECK(reset.number() == 8);  // CANCEL
  CHECK(ping.type == h2::ping_type);
  CHECK(scene.gateway.ask(get("/")).status() == 503);
  CHECK(scene.places() == 1);
  may_answer = true;
  wait_until([&] { return scene.places() == 0; });
  CHECK(scene.gateway.ask(get("/")).body == "hello");
}

TEST_CASE("a request that waits for room gets the place of a cancelled call when it is free") {
  std::atomic<bool> pinged{false};
  std::atomic<bool> may_answer{false};
  Scene scene(
      [&](Scene& self, H2RawWorker& worker) {
        worker.await_request();
        ++self.seen;
        const auto ping = worker.await(h2::ping_type);
        pinged = true;
        wait_until([&] { return may_answer.load(); });
        worker.send(h2::ping(ping.payload, h2::ack));
        worker.answer(worker.await_request(), "hello");
        worker.drain();
      },
      {.connections = 1, .timeouts = {.queue_wait = 10s}});
  scene.ask_and_cancel();
  wait_until([&] { return pinged.load(); });
  auto waiting = scene.ask("/");
  wait_until([&] { return scene.gateway.waiting() == 1; });
  may_answer = true;
  CHECK(read_response(waiting).body == "hello");
}

TEST_CASE("a cancelled call gives its place back when the worker answers a later one") {
  Scene scene([&](Scene& self, H2RawWorker& worker) {
    worker.await_request();
    ++self.seen;
    worker.await(h2::rst_stream_type);
    ++self.resets;
    worker.answer(worker.await_request(), "hello");
    worker.drain();
  });
  scene.ask_and_cancel();
  wait_until([&] { return scene.resets == 1; });
  CHECK(scene.gateway.ask(get("/")).body == "hello");
  wait_until([&] { return scene.places() == 0; });
}

TEST_CASE("cancelled calls count as streams that the worker takes, until it has read the reset") {
  Scene scene(
      [&](Scene& self, H2RawWorker& worker) {
        const auto stream = worker.await_request();
        ++self.seen;
        if (worker.field(":path") == "/other") worker.answer(stream, "hello");
        worker.await(h2::rst_stream_type);
        ++self.resets;
        worker.drain();
      },
      {}, 1);
  scene.ask_and_cancel();
  wait_until([&] { return scene.resets == 1; });
  CHECK(scene.gateway.ask(get("/other")).body == "hello");
  CHECK(scene.origin.connection_count() == 2);
}

TEST_CASE("cancelled calls at a worker that answers nothing are free when it is given up") {
  Scene scene(
      [&](Scene& self, H2RawWorker& worker) {
        worker.await_request();
        ++self.seen;
        worker.drain();
      },
      {.timeouts = {.http2_quiet = 50ms}});
  scene.ask_and_cancel();
  wait_until([&] { return scene.places() == 0 && scene.origin.open_count() == 0; });
}

TEST_CASE("cancelled calls at a worker that says other things alone are free after a while") {
  std::atomic<bool> done{false};
  Scene scene(
      [&](Scene& self, H2RawWorker& worker) {
        worker.await_request();
        ++self.seen;
        worker.await(h2::rst_stream_type);
        while (!done) {
          worker.send(h2::window_update(0, 1));
          std::this_thread::sleep_for(10ms);  // it is no flood
        }
        worker.drain();
      },
      {.timeouts = {.http2_quiet = 200ms}});
  scene.ask_and_cancel();
  wait_until([&] { return scene.places() == 0; });
  CHECK(scene.origin.open_count() == 1);
  done = true;
}

// Servers of gRPC end a connection that brings more than three without an answer between them.
TEST_CASE("however many calls are cancelled, a worker that answers none is sent two PINGs") {
  std::atomic<int> pings{0};
  Scene scene([&](Scene& self, H2RawWorker& worker) {
    for (;;) {
      const auto frame = worker.next();
      if (frame.type == h2::headers_type) ++self.seen;
      if (frame.type == h2::rst_stream_type) ++self.resets;
      if (frame.type == h2::ping_type) {
        ++pings;
        worker.send(h2::ping(frame.payload, h2::ack));
      }
      if (frame.type == h2::headers_type && self.seen == 11) worker.answer(frame.stream, "hello");
    }
  });
  for (int i = 1; i <= 10; ++i) {
    scene.ask_and_cancel();
    wait_until([&] { return scene.resets == i; });
  }
  CHECK(scene.gateway.ask(get("/")).body == "hello");
  CHECK(pings <= 2);
  wait_until([&] { return scene.places() == 0; });
  const int before = pings;
  scene.ask_and_cancel();
  wait_until([&] { return pings > before; });
}

// ---- quiet workers

TEST_CASE("a quiet worker of HTTP/2 is asked by a PING, and its calls go elsewhere if it is dead") {
  std::atomic<int> pings{0};
  Scene scene(
      [&](Scene& self, H2RawWorker& worker) {
        worker.await_request();
        ++self.seen;
        worker.await(h2::ping_type);
        ++pings;
        worker.drain();
      },
      {.timeouts = {.http2_quiet = 300ms}});
  Origin good([](Origin&, RawSocket& socket) {
    H2RawWorker worker(socket);
    worker.answer(worker.await_request(), "hello");
    worker.drain();
  });
  auto repeatable = scene.ask("/");
  auto other = scene.gateway.connect();
  other.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
  wait_until([&] { return scene.places() == 2; });
  scene.gateway.publish({scene.origin.port(), good.port()});
  CHECK(read_response(repeatable).body == "hello");
  CHECK(read_response(other).status() == 502);
  CHECK(pings == 1);
}

// Servers of gRPC bear no more PINGs than three while they say nothing; SETTINGS nobody counts.
TEST_CASE("a quiet worker that was sent all the PINGs it bears is asked by SETTINGS") {
  for (const bool answers : {true, false}) {
    std::atomic<int> pings{0};
    std::atomic<int> settings{0};
    Scene scene(
        [&](Scene&, H2RawWorker& worker) {
          worker.acknowledge_settings(false);
          const auto stream = worker.await_request();
          while (pings < 3) {
            worker.send(h2::ping(worker.await(h2::ping_type).payload, h2::ack));
            ++pings;
          }
          while (settings < 3) {
            const auto frame = worker.next_of_all();
            CHECK(frame.type == h2::settings_type);
            CHECK(frame.payload.empty());
            if (++settings <= 2 || answers) worker.send(h2::settings_ack());
          }
          if (answers) worker.answer(stream, "hello");
          worker.drain();
        },
        {.timeouts = {.http2_quiet = 200ms}});
    CHECK(scene.gateway.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").status() ==
          (answers ? 200 : 502));
    CHECK(settings == 3);
  }
}

TEST_CASE("while a worker does not say whether it is there, new calls use another connection") {
  std::atomic<bool> asked{false};
  std::atomic<bool> done{false};
  Scene scene(
      [&](Scene& self, H2RawWorker& worker) {
        const auto stream = worker.await_request();
        if (worker.field(":path") == "/other") {
          worker.answer(stream, "hello");
          worker.drain();
          return;
        }
        ++self.seen;
        const auto ping = worker.await(h2::ping_type);
        asked = true;
        wait_until([&] { return done.load(); });
        worker.send(h2::ping(ping.payload, h2::ack));
        worker.answer(stream, "after all");
        worker.answer(worker.await_request(), "hello");
        worker.drain();
      },
      {.timeouts = {.http2_quiet = 1s}});
  auto first = scene.ask("/");
  wait_until([&] { return asked.load(); });
  // What comes before it is in doubt waits there, and takes that back.
  wait_until([&] {
    auto other = scene.ask("/other");
    return !other.stays_silent(50) && read_response(other).body == "hello";
  });
  CHECK(scene.origin.connection_count() == 2);
  done = true;
  CHECK(read_response(first).body == "after all");
}

TEST_CASE("a PING behind a reset that is not answered moves new calls, and ends no older one") {
  std::atomic<bool> done{false};
  Scene scene(
      [&](Scene& self, H2RawWorker& worker) {
        const auto stream = worker.await_request();
        if (worker.field(":path") == "/other") {
          worker.answer(stream, "hello");
          worker.drain();
          return;
        }
        ++self.seen;
        worker.await_request();
        ++self.seen;
        const auto ping = worker.await(h2::ping_type);
        wait_until([&] { return done.load(); });
        worker.send(h2::ping(ping.payload, h2::ack));
        worker.answer(stream, "after all");
        worker.drain();
      },
      {.timeouts = {.http2_quiet = 2s}});
  auto first = scene.ask("/");
  wait_until([&] { return scene.seen == 1; });
  scene.ask_and_cancel();
  wait_until([&] {
    auto other = scene.ask("/other");
    return !other.stays_silent(50) && read_response(other).body == "hello";
  });
  CHECK(scene.origin.connection_count() == 2);
  done = true;
  CHECK(read_response(first).body == "after all");
}

TEST_CASE(
    "a worker of HTTP/2 that never says its settings is found out by calls with little time") {
  std::atomic<int> connections{0};
  Origin frozen([&](Origin&, RawSocket& socket) {
    ++connections;
    socket.read_to_end();
  });
  Gateway gateway({frozen.port()}, {.timeouts = {.http2_quiet = 200ms}});
  gateway.set({"protocol=http2"});
  gateway.settle();
  int calls = 0;
  while (gateway.reported_failures() == 0 && ++calls < 500) {
    auto client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nTandem-Timeout-Ms: 20\r\n\r\n");
    CHECK(read_response(client).status() == 504);
  }
  CHECK(gateway.reported_failures() == 1);
  CHECK(connections < calls);
}

TEST_CASE("a quiet worker of HTTP/2 that answers PINGs is waited for") {
  Scene scene(
      [&](Scene& self, H2RawWorker& worker) {
        const auto stream = worker.await_request();
        ++self.seen;
        for (int i = 0; i < 2; ++i) {
          worker.send(h2::ping(worker.await(h2::ping_type).payload, h2::ack));
        }
        worker.answer(stream, "hello");
        worker.drain();
      },
      {.timeouts = {.http2_quiet = 200ms}});
  CHECK(scene.gateway.ask(get("/")).body == "hello");
  CHECK(scene.origin.connection_count() == 1);
}

}  // namespace tandem::test::h2_cancelled_calls_test
