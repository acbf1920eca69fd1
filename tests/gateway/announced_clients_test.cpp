// proxy_protocol=v2: workers that are told first on each connection whose it is, byte for byte.
#include <mutex>

#include <catch2/catch.hpp>

#include "cluster.hpp"
#include "gateway.hpp"
#include "h2_client.hpp"

namespace tandem::test::announced_clients_test {
namespace {

const std::string begins("\r\n\r\n\0\r\nQUIT\n\x21", 13);
const std::string ours = begins + std::string("\x11\0\x0c\x7f\0\0\x01\0\0\0\0\0\0\0\0", 15);
const std::string theirs = begins + std::string("\x11\0\x0c\xc0\0\x02\x07\0\0\0\0\0\0\0\0", 15);
const std::string sixth = begins + std::string("\x21\0\x24\x20\x01\x0d\xb8", 7) +
                          std::string(11, '\0') + "\x07" + std::string(20, '\0');

// Reads the header of each connection, and answers its requests with how many there were.
class Listener {
 public:
  std::uint16_t port() const { return origin_.port(); }
  std::vector<std::string> headers() const {
    const std::lock_guard lock(mutex_);
    return headers_;
  }
  std::vector<Message> requests() const { return origin_.requests(); }

 private:
  void serve(Origin& self, RawSocket& socket) {
    auto header = socket.read_exactly(16);
    header += socket.read_exactly(static_cast<unsigned char>(header[15]));
    {
      const std::lock_guard lock(mutex_);
      headers_.push_back(header);
    }
    for (int i = 1;; ++i) {
      self.receive(socket);
      socket.send(ok(std::to_string(i)));
    }
  }

  mutable std::mutex mutex_;
  std::vector<std::string> headers_;
  Origin origin_{[this](Origin& self, RawSocket& socket) { serve(self, socket); }};
};

const std::vector<std::string> announces{"proxy_protocol=v2"};
const std::string of_theirs = "PROXY TCP4 192.0.2.7 10.0.0.1 1234 80\r\n";

Gateway::Options behind_a_balancer(unsigned connections = 16) {
  return {.connections = connections, .proxy_protocol = {"127.0.0.0/8"}};
}

// Sends a request on behalf of that client, and returns how many its connection has carried.
std::string asked(const Gateway& gateway, const std::string& client) {
  return gateway.ask(client + get("/")).body;
}

}  // namespace

TEST_CASE("a worker is told in binary whose connection it gets, and then the request") {
  Listener worker;
  Gateway gateway({worker.port()}, behind_a_balancer());
  gateway.set(announces);
  CHECK(asked(gateway, "PROXY UNKNOWN\r\n") == "1");
  CHECK(asked(gateway, of_theirs) == "1");
  CHECK(asked(gateway, "PROXY TCP6 2001:db8::7 ::1 1 2\r\n") == "1");
  CHECK(worker.headers() == std::vector{ours, theirs, sixth});
  CHECK(sixth.size() == 52);
}

TEST_CASE("a worker's connection is kept for its client, and serves no other") {
  Listener worker;
  Gateway gateway({worker.port()}, behind_a_balancer());
  gateway.set(announces);
  for (int i = 1; i <= 3; ++i) {
    CHECK(asked(gateway, "PROXY UNKNOWN\r\n") == std::to_string(i));
    CHECK(asked(gateway, of_theirs) == std::to_string(i));
  }
  CHECK(worker.headers() == std::vector{ours, theirs});
}

TEST_CASE("a worker that is full of other clients' idle connections closes one") {
  Listener worker;
  Gateway gateway({worker.port()}, behind_a_balancer(1));
  gateway.set(announces);
  for (int i = 0; i < 3; ++i) {
    CHECK(asked(gateway, "PROXY UNKNOWN\r\n") == "1");
    CHECK(asked(gateway, of_theirs) == "1");
  }
  CHECK(worker.headers().size() == 6);
}

TEST_CASE("the address that a trusted proxy tells is told, and nothing that is no address") {
  Listener worker;
  Gateway gateway({worker.port()}, {.trusted_proxies = {"127.0.0.1"}});
  gateway.set(announces);
  const auto told = [&](const std::string& forwarded) {
    return gateway.ask("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: " + forwarded + "\r\n\r\n")
        .status();
  };
  CHECK(told("192.0.2.7") == 200);
  CHECK(told("_hidden") == 200);
  CHECK(told("192.0.2.7, 2001:db8::7") == 200);
  CHECK(told("PROXY TCP4 192.0.2.9") == 200);
  CHECK(worker.headers() == std::vector{theirs, ours, sixth});
}

TEST_CASE("clients of HTTP/2 are told too, and a stranger's word is not") {
  Listener worker;
  Gateway gateway({worker.port()});
  gateway.set(announces);
  H2Client client(gateway.connect());
  CHECK(client.get("/").status() == 200);
  CHECK(gateway.ask("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n").body == "2");
  CHECK(worker.headers() == std::vector{ours});
}

TEST_CASE("connections of before are not used once a worker is told, or no longer") {
  Origin plain(always(ok("plain")));
  Gateway gateway({plain.port()});
  auto client = gateway.connect();
  client.send(get("/"));
  CHECK(read_response(client).body == "plain");
  CHECK(plain.connection_count() == 1);
  gateway.set(announces);
  gateway.settle();
  CHECK(gateway.ask(get("/")).status() == 200);  // this one does not know what it is told
  CHECK(plain.connection_count() == 2);
  gateway.set({});
  gateway.settle();
  CHECK(gateway.ask(get("/")).body == "plain");
  CHECK(plain.connection_count() == 3);
}

}  // namespace tandem::test::announced_clients_test
