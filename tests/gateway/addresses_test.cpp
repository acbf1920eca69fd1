// Addresses where clients are served that come and go while clients are served.
#include <algorithm>
#include <vector>

#include <catch2/catch.hpp>

#include "gateway.hpp"
#include "h2_client.hpp"
#include "master/forward/plane/other_listeners.hpp"
#include "test_certificates.hpp"
#include "tls_client.hpp"

namespace tandem::test::addresses_test {

using Catch::Contains;
using master::ListenAddress;

namespace {

Gateway::Options with_loops(unsigned threads) {
  Gateway::Options options;
  options.threads = threads;
  return options;
}

ListenAddress at(std::uint16_t port, bool tls = false) {
  return {.endpoint = {"127.0.0.1", port}, .tls = tls};
}

// What a reload does. False: an old address is not closed yet.
bool serve_at(Gateway& gateway, const std::vector<ListenAddress>& wanted) {
  auto planned = gateway.plane().plan_addresses(wanted);
  if (!planned) throw std::runtime_error(planned.error().message);
  const auto plan = std::make_shared<master::ListenPlan>(std::move(*planned));
  gateway.plane().listen(plan);
  return gateway.plane().leave_addresses(*plan);
}

bool is_refused(std::uint16_t port) {
  try {
    RawSocket::connect(port);
    return false;
  } catch (const std::runtime_error&) {
    return true;
  }
}

// A port of nobody's, for a moment.
std::uint16_t free_port() {
  const auto socket = master::ListeningSocket::open(at(0));
  return socket->address().endpoint.port;
}

std::string said_by(std::uint16_t port) {
  auto client = RawSocket::connect(port);
  client.send(get("/"));
  return read_response(client).body;
}

}  // namespace

TEST_CASE("clients are served at a new address, and no more at the one that was left") {
  Origin worker(always(ok("worker")));
  Gateway gateway({worker.port()}, with_loops(3));
  const auto old = gateway.port();
  const auto next = free_port();
  CHECK(serve_at(gateway, {at(next)}));
  CHECK(gateway.port() == next);
  CHECK(is_refused(old));
  for (int i = 0; i < 20; ++i) CHECK(said_by(next) == "worker");
  // And back, more than once.
  for (const auto port : {old, next, old}) {
    CHECK(serve_at(gateway, {at(port)}));
    CHECK(said_by(port) == "worker");
  }
  CHECK(is_refused(next));
}

TEST_CASE("an address that stays keeps its connections, whatever comes and goes beside it") {
  Origin worker(always(ok("worker")));
  Gateway gateway({worker.port()}, with_loops(2));
  auto client = gateway.connect();
  const auto more = free_port();
  // Port 0 is what this gateway was given first: the port that was chosen stays.
  const auto port = gateway.port();
  CHECK(serve_at(gateway, {at(more), at(0)}));
  CHECK(gateway.port() == more);
  client.send(get("/"));
  CHECK(read_response(client).field("Connection") != "close");
  CHECK(serve_at(gateway, {at(0)}));
  CHECK(gateway.port() == port);
  client.send(get("/"));
  CHECK(read_response(client).field("Connection") != "close");
}

TEST_CASE("a connection that came by an address that was left ends with its next answer") {
  Origin worker(always(ok("worker")));
  Gateway gateway({worker.port()});
  auto idle = gateway.connect();
  idle.send(get("/"));
  CHECK(read_response(idle).field("Connection") != "close");
  auto silent = gateway.connect();
  CHECK(serve_at(gateway, {at(free_port())}));
  CHECK(idle.stays_silent(100));
  for (auto* client : {&idle, &silent}) {
    client->send(get("/"));
    const auto answer = read_response(*client);
    CHECK(answer.body == "worker");
    CHECK(answer.field("Connection") == "close");
    CHECK(client->read_to_end().empty());
  }
}

TEST_CASE("a client of HTTP/2 is told to go when its address is left, and keeps its answers") {
  std::atomic<bool> answers{false};
  Origin worker([&](Origin& self, RawSocket& socket) {
    self.receive(socket);
    wait_until([&] { return answers.load(); });
    socket.send(ok("in time"));
  });
  Gateway gateway({worker.port()});
  H2Client client(gateway.port());
  const auto stream = client.ask(h2::get());
  wait_until([&] { return worker.request_count() == 1; });
  CHECK(serve_at(gateway, {at(free_port())}));
  answers = true;
  CHECK(client.finish(stream).body == "in time");
  CHECK(client.finish() == 0u);  // GOAWAY without an error, and the end
}

TEST_CASE("those who wait to be accepted are served, though their address was left") {
  Origin worker(always(ok("worker")));
  auto options = with_loops(1);
  options.client_connections_max = 1;
  Gateway gateway({worker.port()}, options);
  const auto old = gateway.port();
  auto first = gateway.connect();
  first.send(get("/"));
  CHECK(read_response(first).body == "worker");
  // There is room for one, who has just asked and is not idle enough to be closed for others.
  std::vector<RawSocket> waiting;
  for (int i = 0; i < 5; ++i) {
    waiting.push_back(RawSocket::connect(old));
    waiting.back().send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  }
  serve_at(gateway, {at(free_port())});
  first.close();
  for (auto& client : waiting) {
    CHECK(read_response(client).body == "worker");
    CHECK(client.read_to_end().empty());
  }
  wait_until([&] { return is_refused(old); });
}

TEST_CASE("an address that cannot be opened changes nothing, and the error names it") {
  Origin worker(always(ok("worker")));
  Gateway gateway({worker.port()}, with_loops(2));
  const auto old = gateway.port();
  const auto next = free_port();
  const auto planned = gateway.plane().plan_addresses({at(next), at(worker.port())});
  REQUIRE(!planned.ok());
  CHECK_THAT(planned.error().message,
             Contains("127.0.0.1:" + std::to_string(worker.port())) && Contains("in use"));
  CHECK(is_refused(next));
  CHECK(said_by(old) == "worker");
}

TEST_CASE("an address may take the place of one that it contains, but not beside a stranger's") {
  Origin worker(always(ok("worker")));
  Gateway gateway({worker.port()}, with_loops(2));
  CHECK(serve_at(gateway, {at(free_port())}));
  const auto port = gateway.port();
  const ListenAddress everywhere{.endpoint = {"0.0.0.0", port}};
  CHECK(serve_at(gateway, {everywhere}));
  CHECK(said_by(port) == "worker");
  CHECK(serve_at(gateway, {at(port)}));
  CHECK(said_by(port) == "worker");
  // Another master of the same user would be let in by the kernel.
  const ListenAddress elsewhere{.endpoint = {"127.0.0.2", port}};
  {
    const auto stranger = master::ListeningSocket::open(elsewhere);
    REQUIRE(stranger.ok());
    const auto planned = gateway.plane().plan_addresses({everywhere});
    REQUIRE(!planned.ok());
    CHECK_THAT(planned.error().message, Contains("in use"));
  }
  CHECK(serve_at(gateway, {everywhere}));
  CHECK(said_by(port) == "worker");
}

TEST_CASE("an address goes over to TLS and back, with the sockets that it has") {
  Origin worker(always(ok("worker")));
  auto options = with_loops(2);
  options.certificates = some_certificate();
  Gateway gateway({worker.port()}, options);
  const auto port = free_port();
  CHECK(serve_at(gateway, {at(port), at(0, true)}));
  auto plain = RawSocket::connect(port);
  plain.send(get("/"));
  CHECK(read_response(plain).body == "worker");
  CHECK(serve_at(gateway, {at(port, true)}));
  TlsClient secure(port);
  secure.socket().send(get("/"));
  CHECK(read_response(secure.socket()).body == "worker");
  plain.send(get("/"));
  CHECK(read_response(plain).field("Connection") == "close");
  CHECK(serve_at(gateway, {at(port)}));
  CHECK(said_by(port) == "worker");
}

TEST_CASE("the kernel's table of listeners is understood") {
  ino_t inode = 0;
  const auto look = [&inode](std::string_view local, std::string_view state, const char* host) {
    const auto line = "   1: " + std::string(local) + " 00000000:0000 " + std::string(state) +
                      " 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0 100 0";
    return master::look_at_line(line, {host, 8080}, inode);
  };
  using master::TableLine;
  CHECK(look("0100007F:1F90", "0A", "127.0.0.1") == TableLine::there);
  CHECK(inode == 4711);
  CHECK(look("0100007F:1F90", "0A", "127.0.0.2") == TableLine::elsewhere);
  CHECK(look("0100007F:1F91", "0A", "127.0.0.1") == TableLine::elsewhere);
  CHECK(look("0100007F:1F90", "0A", "0.0.0.0") == TableLine::there);
  CHECK(look("00000000:1F90", "0A", "127.0.0.1") == TableLine::there);
  CHECK(look("00000000000000000000000000000000:1F90", "0A", "::1") == TableLine::there);
  CHECK(look("00000000000000000000000001000000:1F90", "0A", "::1") == TableLine::there);
  CHECK(look("0000000000000000FFFF00000100007F:1F90", "0A", "127.0.0.1") == TableLine::there);
  CHECK(look("0100007F:1F90", "01", "127.0.0.1") == TableLine::no_listener);
  CHECK(look("nonsense:1F90", "0A", "127.0.0.1") == TableLine::no_listener);
}

}  // namespace tandem::test::addresses_test
