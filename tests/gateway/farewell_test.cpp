// Clients of an address that is about to move to another host are let go first.
#include <catch2/catch.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>

#include "common/base/clock.hpp"
#include "gateway.hpp"

namespace tandem::test::farewell_test {
namespace {

Gateway::Options moving(std::vector<std::string> addresses) {
  Gateway::Options options;
  options.moving_addresses = std::move(addresses);
  return options;
}

// Until everybody has been let go, as far as that can be.
void let_go(Gateway& gateway) {
  wait_until([&] { return gateway.plane().let_clients_go(now()); });
}

// A connection that was begun, and need not be there yet.
class Newcomer {
 public:
  explicit Newcomer(std::uint16_t port)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  ~Newcomer() { ::close(socket_); }
  Newcomer(const Newcomer&) = delete;
  Newcomer& operator=(const Newcomer&) = delete;

  bool is_connected() const {
    pollfd wait{socket_, POLLOUT, 0};
    return ::poll(&wait, 1, 0) == 1 && (wait.revents & (POLLERR | POLLHUP)) == 0;
  }

 private:
  int socket_;
};

}  // namespace

TEST_CASE("while clients are let go every answer is the last of its connection") {
  Origin worker(always(ok("worker")));
  Gateway gateway({worker.port()}, moving({"127.0.0.1"}));
  auto client = gateway.connect();
  client.send(get("/"));
  CHECK(read_response(client).field("Connection") != "close");
  CHECK(!gateway.plane().let_clients_go(now()));
  wait_until([&] { return gateway.ask(get("/")).field("Connection") == "close"; });
  client.send(get("/"));
  CHECK(read_response(client).field("Connection") == "close");
  CHECK(client.read_to_end() == "");
  gateway.plane().stop_letting_go();
  wait_until([&] { return gateway.ask(get("/")).field("Connection") != "close"; });
}

TEST_CASE("idle connections are closed when clients are let go") {
  Gateway gateway({}, moving({"127.0.0.1"}));
  auto client = gateway.connect();
  client.send(get("/"));
  CHECK(read_response(client).status() == 503);
  let_go(gateway);
  CHECK(client.read_to_end() == "");
  CHECK(gateway.plane().client_connections() == 0);
}

TEST_CASE("a request that is under way when clients are let go is answered before it is over") {
  std::atomic<bool> answers{false};
  Origin worker([&](Origin& self, RawSocket& socket) {
    self.receive(socket);
    wait_until([&] { return answers.load(); });
    socket.send(ok("in time"));
  });
  Gateway gateway({worker.port()}, moving({"127.0.0.1"}));
  auto client = gateway.connect();
  client.send(get("/"));
  wait_until([&] { return worker.request_count() == 1; });
  CHECK(!gateway.plane().let_clients_go(now()));
  answers = true;
  let_go(gateway);
  const auto answer = read_response(client);
  CHECK(answer.body == "in time");
  CHECK(answer.field("Connection") == "close");
}

TEST_CASE("a request without an end does not keep an address from moving") {
  Origin worker([](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.stays_silent(60'000);
  });
  Gateway gateway({worker.port()}, moving({"127.0.0.1"}));
  auto client = gateway.connect();
  client.send(get("/"));
  wait_until([&] { return worker.request_count() == 1; });
  let_go(gateway);
  CHECK(gateway.plane().client_connections() == 1);
}

TEST_CASE("a connection to an address that is about to move is neither served nor refused") {
  Gateway gateway({}, moving({"10.0.0.9", "127.0.0.1", "fd00::9"}));
  let_go(gateway);
  const Newcomer newcomer(gateway.port());
  CHECK(!newcomer.is_connected());
  gateway.plane().stop_letting_go();
  wait_until([&] { return newcomer.is_connected(); });  // its system has tried again
  CHECK(gateway.ask(get("/")).status() == 503);
}

TEST_CASE("a connection to another address is served while clients are let go") {
  Gateway gateway({}, moving({"127.0.0.2", "fd00::9", "10.0.0.9"}));
  let_go(gateway);
  CHECK(gateway.ask(get("/")).status() == 503);
}

}  // namespace tandem::test::farewell_test
