// Clients of HTTP/2 that ask and take that back, again and again (CVE-2023-44487): what it costs
// workers of HTTP/1, and who is blamed.
#include <catch2/catch.hpp>

#include <atomic>

#include "gateway.hpp"
#include "h2_client.hpp"

namespace tandem::test::h2_rapid_resets_test {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t places = 4;

// A client that asks so often, and takes each back once its worker has the request.
void ask_and_cancel(Gateway& gateway, Origin& origin, int times, std::atomic<int>& resets) {
  H2Client client(gateway.port());
  for (int i = 0; i < times; ++i) {
    const auto before = origin.request_count();
    const auto stream = client.ask(h2::get());
    wait_until([&] { return origin.request_count() > before; });
    client.send(h2::rst_stream(stream, h2::cancel));
    ++resets;
  }
}

}  // namespace

TEST_CASE("clients that reset their requests again and again cost a worker few connections") {
  std::atomic<int> resets{0};
  std::atomic<int> seen{0};
  const std::string chunked =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
  for (const auto& answer : {ok("hello"), chunked, "HTTP/1.1 103 \r\n\r\n" + ok("hello"),
                             ok(std::string(30'000, 'x'))}) {
    resets = seen = 0;
    Origin origin([&](Origin& self, RawSocket& socket) {
      for (;;) {
        self.receive(socket);
        const int number = ++seen;
        wait_until([&] { return resets >= number; });
        socket.send(answer);
      }
    });
    Gateway gateway({origin.port()}, {.connections = places, .timeouts = {.leftover_answer = 10s}});
    for (int i = 0; i < 4; ++i) ask_and_cancel(gateway, origin, 10, resets);
    CHECK(origin.connection_count() <= places);
    // Nobody is given the answer to another's request, and nobody is blamed.
    resets = 1'000;
    auto client = gateway.connect();
    client.send(get("/"));
    CHECK(read_response(client).status() == (answer.starts_with("HTTP/1.1 103") ? 103 : 200));
    CHECK(gateway.counters(0).failures_in_a_row == 0);
    CHECK(gateway.counters(0).ejected_until == 0);
    CHECK(gateway.reported_failures() == 0);
  }
}

TEST_CASE(
    "requests that were reset keep their places at a worker that does not answer, for a while") {
  std::atomic<int> resets{0};
  Origin origin([&](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.read_to_end();
  });
  Gateway gateway({origin.port()},
                  {.connections = 2, .timeouts = {.queue_wait = 30ms, .leftover_answer = 1s}});
  ask_and_cancel(gateway, origin, 2, resets);
  CHECK(gateway.counters(0).open_connections == 2);
  CHECK(gateway.ask(get("/")).status() == 503);
  wait_until([&] { return gateway.counters(0).open_connections == 0; });
  wait_until([&] { return origin.open_count() == 0; });
  CHECK(gateway.counters(0).failures_in_a_row == 0);
}

TEST_CASE("an answer that nobody waits for is not read on and on") {
  std::atomic<int> resets{0};
  for (const std::string head :
       {"Content-Length: 10000000", "Transfer-Encoding: chunked", "Connection: close"}) {
    Origin origin([&](Origin& self, RawSocket& socket) {
      const int before = resets;
      self.receive(socket);
      wait_until([&] { return resets > before; });
      socket.send("HTTP/1.1 200 OK\r\n" + head + "\r\n\r\n");
      while (socket.try_send("fff\r\n" + std::string(0xfff, 'x') + "\r\n")) {
      }
    });
    Gateway gateway({origin.port()}, {.timeouts = {.leftover_answer = 1h}});
    ask_and_cancel(gateway, origin, 1, resets);
    wait_until([&] { return origin.open_count() == 0; });
    wait_until([&] { return gateway.counters(0).open_connections == 0; });
  }
}

}  // namespace tandem::test::h2_rapid_resets_test
