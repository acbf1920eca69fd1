// What a worker can hold, which requests wait for it, and which get what is left.
#include <catch2/catch.hpp>

#include <condition_variable>
#include <future>

#include "gateway.hpp"
#include "h2_client.hpp"

namespace tandem::test::capacity_test {
namespace {

// Holds every request until the test lets it go.
class Gate {
 public:
  void wait() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return open_; });
  }
  void await_waiting(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(10), [&] { return waiting_ >= count; });
    REQUIRE(waiting_ >= count);
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int waiting_ = 0;
  bool open_ = false;
};

Origin::Script held_by(Gate& gate) {
  return [&gate](Origin& self, RawSocket& socket) {
    for (;;) {
      self.receive(socket);
      gate.wait();
      socket.send(ok("x"));
    }
  };
}

}  // namespace

TEST_CASE(
    "a worker has no more requests than it advertised connections, and those that wait are "
    "served") {
  for (const unsigned threads : {1u, 2u}) {
    INFO(threads);
    std::atomic<int> busy{0};
    std::atomic<int> busy_max{0};
    Origin origin([&](Origin& self, RawSocket& socket) {
      for (;;) {
        self.receive(socket);
        busy_max = std::max<int>(busy_max, ++busy);
        std::this_thread::yield();
        --busy;
        socket.send(ok("x"));
      }
    });
    Gateway gateway({origin.port()}, {.threads = threads, .connections = 1});
    std::vector<RawSocket> clients;
    for (int i = 0; i < 20; ++i) clients.push_back(gateway.connect());
    for (int round = 0; round < 5; ++round) {
      for (auto& client : clients) client.send(get("/"));
      for (auto& client : clients) CHECK(read_response(client).status() == 200);
    }
    CHECK(busy_max == 1);
    if (threads == 1) CHECK(origin.connections_peak() == 1);
    CHECK(origin.request_count() == 100);
  }
}

TEST_CASE("a full worker is passed over") {
  Gate gate;
  Origin slow(held_by(gate));
  Origin quick(always(ok("x")));
  Gateway gateway({slow.port(), quick.port()}, {.connections = 1});
  auto first = gateway.connect();
  auto second = gateway.connect();
  first.send(get("/"));
  second.send(get("/"));
  gate.await_waiting(1);
  for (int i = 0; i < 5; ++i) CHECK(gateway.ask(get("/")).status() == 200);
  CHECK(slow.request_count() == 1);
  gate.open();
  CHECK(read_response(first).status() == 200);
  CHECK(read_response(second).status() == 200);
}

TEST_CASE("requests that wait are served in the order in which they came, whatever is published") {
  Gate gate;
  Origin origin(held_by(gate));
  Gateway gateway({origin.port()}, {.connections = 1});
  std::vector<RawSocket> clients;
  const auto ask = [&](const std::string& target, unsigned waiting) {
    clients.push_back(gateway.connect());
    clients.back().send(get(target));
    wait_until([&] { return gateway.waiting() == waiting; });
  };
  ask("/held", 0);
  gate.await_waiting(1);
  ask("/1", 1);
  ask("/2", 2);
  ask("/3", 3);
  gateway.publish({origin.port()});
  gateway.settle();
  ask("/4", 4);
  gateway.publish({origin.port()});
  gateway.settle();
  gate.open();
  for (auto& client : clients) CHECK(read_response(client).status() == 200);
  std::vector<std::string> served;
  for (const auto& request : origin.requests()) served.push_back(request.start_line());
  CHECK(served == std::vector<std::string>{"GET /held HTTP/1.1", "GET /1 HTTP/1.1",
                                           "GET /2 HTTP/1.1", "GET /3 HTTP/1.1",
                                           "GET /4 HTTP/1.1"});
}

TEST_CASE("a service whose workers have left finishes the requests that it has") {
  Gate gate;
  Origin origin(held_by(gate));
  Gateway gateway({});
  gateway.publish(std::map<std::string, std::uint16_t>{{"shop", origin.port()}}, {"/=shop"});
  auto client = gateway.connect();
  client.send(get("/"));
  gate.await_waiting(1);
  gateway.publish(std::map<std::string, std::uint16_t>{}, {"/=shop"});
  gateway.settle();
  CHECK(gateway.ask(get("/")).status() == 503);
  gate.open();
  CHECK(read_response(client).status() == 200);
  CHECK(gateway.ask(get("/")).status() == 503);
  gateway.publish(std::map<std::string, std::uint16_t>{{"shop", origin.port()}}, {"/=shop"});
  gateway.settle();
  CHECK(gateway.ask(get("/")).status() == 200);
}

TEST_CASE("a request that waits too long for a full service is answered 503") {
  Gate gate;
  Origin origin(held_by(gate));
  Gateway gateway({origin.port()}, {.connections = 1});
  auto first = gateway.connect();
  first.send(get("/"));
  gate.await_waiting(1);
  const auto answer = gateway.ask(get("/"));
  CHECK(answer.status() == 503);
  CHECK(answer.body.find("workers_full") != std::string::npos);
  gate.open();
  CHECK(read_response(first).status() == 200);
}

TEST_CASE("gRPC: a call for which all workers are busy ends with RESOURCE_EXHAUSTED") {
  Gate gate;
  Origin origin(held_by(gate));
  Gateway gateway({origin.port()}, {.connections = 1});
  auto first = gateway.connect();
  first.send(get("/"));
  gate.await_waiting(1);
  H2Client client(gateway.port());
  const auto& answer = client.finish(
      client.ask(h2::post({{"content-type", "application/grpc"}, {"te", "trailers"}})));
  CHECK(answer.status() == 200);
  CHECK(answer.field("grpc-status") == "8");
  gate.open();
  CHECK(read_response(first).status() == 200);
}

TEST_CASE("least connections sends to the worker with the fewest requests in flight") {
  Gate gate;
  Origin busy(held_by(gate));
  Origin idle(always(ok("x")));
  Gateway gateway({busy.port()}, {.policy = tandem::wire::PolicyName::least_connections});
  auto held = gateway.connect();
  held.send(get("/"));
  gate.await_waiting(1);
  gateway.publish({busy.port(), idle.port()});
  for (int i = 0; i < 10; ++i) CHECK(gateway.ask(get("/")).status() == 200);
  CHECK(busy.request_count() == 1);
  gate.open();
}

TEST_CASE("draining finishes what is in flight, tells clients to close, and takes nothing new") {
  Gate gate;
  Origin origin(held_by(gate));
  Gateway gateway({origin.port()});
  auto idle = gateway.connect();
  auto busy = gateway.connect();
  busy.send(get("/"));
  gate.await_waiting(1);
  auto drained = std::async(std::launch::async,
                            [&] { return gateway.plane().drain(std::chrono::seconds(10)); });
  CHECK(idle.closes());
  gate.open();
  CHECK(read_response(busy).field("Connection") == "close");
  CHECK(busy.closes());
  CHECK(drained.get());
  CHECK_THROWS(gateway.connect());
}

TEST_CASE("stopping cuts requests in flight, streams and tunnels without waiting for them") {
  Gate gate;
  Origin origin([&](Origin&, RawSocket& socket) {
    const auto head = socket.read_until("\r\n\r\n");
    if (head.find("Upgrade") != std::string::npos) {
      socket.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
    }
    socket.read_to_end();
  });
  auto gateway =
      std::make_unique<Gateway>(std::vector{origin.port()}, Gateway::Options{.threads = 2});
  std::vector<RawSocket> clients;
  for (const auto* request :
       {"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", "GET / HT"}) {
    clients.push_back(gateway->connect());
    clients.back().send(request);
  }
  CHECK(read_response(clients[2]).status() == 101);
  while (origin.connection_count() < 3) std::this_thread::yield();
  gateway.reset();
  for (auto& client : clients) client.read_to_end();
}

}  // namespace tandem::test::capacity_test
