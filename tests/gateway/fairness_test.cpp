// One client cannot hold a loop: however much it sends, others on the same loop are served.
#include <catch2/catch.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <thread>

#include "gateway.hpp"
#include "table.hpp"

namespace tandem::test::fairness_test {
namespace {

struct Flood {
  const char* why;
  std::string request;
  bool has_worker;
};

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

// Sends without end, and reads what comes without looking at it, until it is destroyed.
class Flooder {
 public:
  Flooder(const Gateway& gateway, const std::string& bytes)
      : socket_(gateway.connect()),
        sending_([this, bytes] {
          while (socket_.try_send(bytes)) {
          }
        }),
        reading_([this] { socket_.discard_to_end(received_); }) {}
  ~Flooder() {
    ::shutdown(socket_.descriptor(), SHUT_RDWR);
    sending_.join();
    reading_.join();
  }
  std::size_t received() const { return received_; }

 private:
  RawSocket socket_;
  std::atomic<std::size_t> received_{0};
  std::thread sending_;
  std::thread reading_;
};

[[maybe_unused]] const bool floods = each_row_is_a_case<Flood>(
    "a flood of pipelined requests does not starve another client",
    {
        {"requests for a worker", get("/"), true},
        {"requests that are answered 503 here", get("/"), false},
        {"requests that are answered 508 here",
         "GET / HTTP/1.1\r\nHost: a\r\nVia: 1.1 tandem-test\r\n\r\n", true},
        {"TRACE that ends here", "TRACE / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n", true},
        {"empty lines", "\r\n\r\n\r\n\r\n", true},
    },
    [](const Flood& row) {
      Origin origin(always(ok("x")));
      Gateway gateway({}, {.allows_trace = true});
      if (row.has_worker) gateway.publish({origin.port()});
      Flooder flooder(gateway, repeated(row.request, 1000));
      if (row.request != "\r\n\r\n\r\n\r\n")
        wait_until([&] { return flooder.received() > 100'000; });
      auto client = gateway.connect();
      for (int i = 0; i < 50; ++i) {
        client.send(get("/"));
        CHECK(read_response(client).status() == (row.has_worker ? 200u : 503u));
      }
    },
    CATCH_INTERNAL_LINEINFO);

}  // namespace

TEST_CASE(
    "pipelined requests that are answered here are answered in order, with those of workers "
    "between") {
  Origin origin(always(ok("worker")));
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  const std::string here = "OPTIONS * HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n";
  client.send(repeated(here + get("/") + here, 100));
  for (int i = 0; i < 100; ++i) {
    CHECK(read_response(client).count("Allow") == 1);
    CHECK(read_response(client).body == "worker");
    CHECK(read_response(client).count("Allow") == 1);
  }
}

TEST_CASE("a client that sends without reading is held up, and no other with it") {
  Origin origin(always(ok(std::string(10'000, 'x'))));
  Gateway gateway({origin.port()});
  auto greedy = gateway.connect();
  std::size_t sent = 0;
  const auto requests = repeated(get("/"), 1000);
  std::thread sending([&] {
    while (sent < 10'000 && greedy.try_send(requests, 500)) ++sent;
  });
  for (int i = 0; i < 50; ++i) CHECK(gateway.ask(get("/")).status() == 200);
  sending.join();
  CHECK(sent < 10'000);
  CHECK(gateway.ask(get("/")).status() == 200);
}

TEST_CASE("connections are spread evenly over the loops") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, {.threads = 4});
  std::vector<RawSocket> clients;
  for (int i = 0; i < 40; ++i) {
    clients.push_back(gateway.connect());
    clients.back().send(get("/"));
    CHECK(read_response(clients.back()).status() == 200);
  }
  const auto open = gateway.plane().client_connections_by_loop();
  REQUIRE(open.size() == 4);
  const auto [least, most] = std::minmax_element(open.begin(), open.end());
  CHECK(*most - *least <= 3);
  CHECK(gateway.plane().client_connections() == 40);
}

}  // namespace tandem::test::fairness_test
