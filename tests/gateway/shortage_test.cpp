// What one client, or all of them, may take of a gateway, and who yields when it runs out.
#include <catch2/catch.hpp>

#include <sys/resource.h>

#include "gateway.hpp"
#include "steady_reader.hpp"

namespace tandem::test::shortage_test {

using namespace std::chrono_literals;

namespace {

// The process has no descriptor beyond those that it has now and `more`, until the end of this.
class FewDescriptors {
 public:
  explicit FewDescriptors(unsigned more) {
    getrlimit(RLIMIT_NOFILE, &before_);
    auto limit = before_;
    limit.rlim_cur = static_cast<rlim_t>(lowest_free()) + more;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  ~FewDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  static int lowest_free() {
    const int fd = dup(0);
    ::close(fd);
    return fd;
  }

  rlimit before_{};
};

std::vector<RawSocket> connect(const Gateway& gateway, std::size_t count) {
  std::vector<RawSocket> clients;
  for (std::size_t i = 0; i < count; ++i) clients.push_back(gateway.connect());
  return clients;
}

std::string half_of_post(std::size_t sent) {
  return "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n" + std::string(sent, 'x');
}

// Clients that have sent so much.
std::vector<RawSocket> senders(const Gateway& gateway, std::size_t count, std::string_view sent) {
  std::vector<RawSocket> clients;
  for (std::size_t i = 0; i < count; ++i) {
    clients.push_back(gateway.connect());
    clients.back().send(sent);
  }
  return clients;
}

constexpr std::size_t memory = 1024 * 1024;

// Clients whose requests take all of `memory`: 20 KiB each, as their bodies do not fit their
// buffers, and the last one's takes what is left.
std::vector<RawSocket> exhaust(Gateway& gateway) {
  auto clients = senders(gateway, 50, half_of_post(10'000));
  wait_until([&] { return gateway.plane().memory_in_use() >= 50 * 20 * 1024; });
  clients.back().send(std::string(10'000, 'x'));
  wait_until([&] { return gateway.plane().memory_in_use() >= memory; });
  return clients;
}

unsigned status_of(RawSocket& client) {
  client.send(get("/"));
  return read_response(client).status();
}

}  // namespace

TEST_CASE("a client that comes when all places are taken waits, and gets the first that is free") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, {.client_connections_max = 2});
  auto busy = senders(gateway, 2, half_of_post(1));
  wait_until([&] { return gateway.plane().client_connections() == 2; });
  auto waiting = gateway.connect();
  waiting.send(get("/"));
  CHECK(waiting.stays_silent(300));
  busy.pop_back();
  CHECK(read_response(waiting).status() == 200);
}

TEST_CASE("clients that say nothing do not keep others out") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, {.client_connections_max = 4});
  auto silent = connect(gateway, 4);
  wait_until([&] { return gateway.plane().client_connections() == 4; });
  auto next = gateway.connect();
  CHECK(status_of(next) == 200);
  unsigned closed = 0;
  for (auto& client : silent) closed += client.stays_silent(0) ? 0 : 1;
  CHECK(closed >= 1);
}

TEST_CASE("a gateway whose places are all taken can be drained") {
  Gateway gateway({}, {.client_connections_max = 1});
  auto busy = senders(gateway, 1, half_of_post(1));
  wait_until([&] { return gateway.plane().client_connections() == 1; });
  auto waiting = gateway.connect();
  busy[0].close();
  CHECK(gateway.plane().drain(10s));
}

TEST_CASE("one address has as many connections as it may, and again when some have ended") {
  Origin origin(always(ok("x")));
  for (const unsigned threads : {1u, 2u}) {
    Gateway gateway({origin.port()}, {.threads = threads, .connections_per_client = 3});
    auto clients = connect(gateway, 3);
    for (auto& client : clients) CHECK(status_of(client) == 200);
    CHECK(gateway.connect().closes());
    clients.pop_back();
    wait_until([&] { return gateway.plane().client_connections() == 2; });
    auto next = gateway.connect();
    CHECK(status_of(next) == 200);
    CHECK(gateway.connect().closes());
  }
}

TEST_CASE("trusted proxies and other masters may have any number of connections") {
  Origin origin(always(ok("x")));
  Gateway proxied({origin.port()},
                  {.connections_per_client = 1, .trusted_proxies = {"127.0.0.0/8"}});
  Gateway beside({origin.port()},
                 {.connections_per_client = 1, .uncounted_clients = {"127.0.0.1"}});
  for (auto* gateway : {&proxied, &beside}) {
    auto clients = connect(*gateway, 5);
    for (auto& client : clients) CHECK(status_of(client) == 200);
  }
}

TEST_CASE("without memory new requests are refused with 503, and those under way are served") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, {.memory = memory});
  auto clients = exhaust(gateway);
  auto late = gateway.connect();
  late.send(get("/"));
  const auto answer = read_response(late);
  CHECK(answer.status() == 503);
  CHECK(answer.body.find("out_of_memory") != std::string::npos);
  CHECK(answer.field("Retry-After") == "1");
  CHECK(late.closes());
  clients.resize(10);
  wait_until([&] { return gateway.plane().client_connections() == 10; });
  for (auto& client : clients) {
    client.send(std::string(50'000, 'x'));
    CHECK(read_response(client).status() == 200);
  }
  CHECK(gateway.ask(get("/")).status() == 200);
}

TEST_CASE("a body that needs more memory than there is is refused with 503") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, {.memory = memory});
  auto clients = exhaust(gateway);
  clients[0].send(std::string(10'000, 'x'));
  CHECK(read_response(clients[0]).status() == 503);
  CHECK(clients[0].closes());
  CHECK(origin.connection_count() == 0);
}

TEST_CASE("heads that do not end are refused when they take all the memory") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, {.memory = memory});
  auto clients = senders(gateway, 100, "GET / HTTP/1.1\r\nX: " + std::string(5'000, 'x'));
  CHECK(read_response(clients.back()).status() == 503);
  CHECK(gateway.plane().memory_in_use() <= memory + 100 * 4 * 1024);
}

TEST_CASE("idle clients are closed before requests are refused for want of memory") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, {.memory = memory});
  auto idle = connect(gateway, 80);
  for (auto& client : idle) CHECK(status_of(client) == 200);
  auto busy = senders(gateway, 30, half_of_post(1'000));
  // Together they take seven eighths of it.
  wait_until([&] { return gateway.plane().memory_in_use() >= (80 * 4 + 30 * 20) * 1024; });
  wait_until([&] {
    auto next = gateway.connect();
    CHECK(status_of(next) == 200);
    return gateway.plane().client_connections() < 100;
  });
}

TEST_CASE("a gateway without descriptors closes idle clients, and serves those that wait") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  auto idle = connect(gateway, 20);
  for (auto& client : idle) CHECK(status_of(client) == 200);
  const FewDescriptors few(1);
  auto next = gateway.connect();
  CHECK(status_of(next) == 200);
}

TEST_CASE("a client that sends and reads nothing does not keep its tunnel open") {
  Origin origin([](Origin&, RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    socket.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
    const std::string piece(1'000'000, 'x');
    while (socket.try_send(piece)) {
    }
  });
  Gateway gateway({origin.port()}, {.timeouts = {.tunnel_idle = 400ms}});
  auto client = gateway.connect();
  client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
  wait_until([&] { return !client.try_send("x") || gateway.plane().client_connections() == 0; });
  wait_until([&] { return origin.open_count() == 0; });
}

TEST_CASE("a tunnel whose client reads steadily stays open, however slow it is") {
  constexpr std::size_t pieces = 160;
  constexpr std::size_t bytes = 65'536;
  constexpr auto patience = 300ms;
  Origin origin([](Origin&, RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    socket.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
    socket.try_send(std::string(pieces * bytes, 'x'));
  });
  Gateway gateway({origin.port()}, {.timeouts = {.tunnel_idle = patience}});
  CHECK(holds_at_a_steady_pace(patience, [&](SteadyReader& reader) {
    auto client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
    client.read_until("\r\n\r\n");
    reader.read(client, pieces, bytes, 25ms);
    return true;
  }));
}

}  // namespace tandem::test::shortage_test
