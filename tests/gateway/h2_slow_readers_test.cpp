// Clients of HTTP/2 that take nothing of their answers: how long they hold places at workers.
#include <catch2/catch.hpp>

#include "gateway.hpp"
#include "h2_client.hpp"
#include "h2_raw_worker.hpp"

namespace tandem::test::h2_slow_readers_test {

using namespace std::chrono_literals;

namespace {

Origin::Script answering(bool http2, std::size_t bytes) {
  return [=](Origin& self, RawSocket& socket) {
    const std::string content(bytes, 'x');
    if (!http2) {
      for (;;) {
        self.receive(socket);
        socket.try_send(ok(content));
      }
    }
    H2RawWorker worker(socket, {});
    for (;;) {
      const auto stream = worker.await_request();
      std::string frames = h2::headers(stream, h2::block({{":status", "200"}}));
      for (std::size_t sent = 0; sent < bytes; sent += 10'000) {
        const bool last = sent + 10'000 >= bytes;
        frames +=
            h2::data(stream, content.substr(sent, 10'000), last ? h2::end_stream : h2::no_flags);
      }
      worker.send(frames);
    }
  };
}

// A client that asks and gives no credit.
struct StalledClient : H2Client {
  explicit StalledClient(const Gateway& gateway)
      : H2Client(gateway.port(), {{h2::initial_window_size, 0}}) {
    give_credit(false);
    head_of(ask(h2::get()));
  }
};

}  // namespace

TEST_CASE("a client of HTTP/2 that takes nothing is cut off, and its worker's place is free") {
  for (const bool http2 : {false, true}) {
    Origin origin(answering(http2, 60'000));
    Gateway gateway({origin.port()},
                    {.connections = 1, .timeouts = {.body_idle = 200ms, .queue_wait = 10s}});
    gateway.set({http2 ? "protocol=http2" : "protocol=http1"});
    gateway.settle();
    StalledClient client(gateway);
    CHECK(gateway.ask(get("/")).body.size() == 60'000);
    CHECK(client.finish(1).reset.has_value());
    CHECK(gateway.reported_failures() == 0);
  }
}

TEST_CASE("an answer of HTTP/2 that is here as a whole holds no place while its client is slow") {
  Origin origin(answering(true, 60'000));
  Gateway gateway({origin.port()}, {.connections = 1, .timeouts = {.queue_wait = 10s}});
  gateway.set({"protocol=http2"});
  gateway.settle();
  StalledClient client(gateway);
  CHECK(gateway.ask(get("/")).body.size() == 60'000);
  CHECK_FALSE(client.answer(1).ended);
  // It still gets all of it.
  client.give_credit(true);
  client.send(h2::settings({{h2::initial_window_size, 65'535}}));
  CHECK(client.finish(1).body.size() == 60'000);
}

}  // namespace tandem::test::h2_slow_readers_test
