// Slow answers are waited for; masters that are not alive are not.
#include <catch2/catch.hpp>

#include <future>
#include <thread>

#include "scripted_masters.hpp"

namespace tandem::test::slow_answer_test {

using namespace std::chrono_literals;

namespace {

// A master whose services answer once they are let, and which says at once that it is alive.
class SlowMaster {
 public:
  explicit SlowMaster(std::size_t probes_before_answer)
      : origin_([this, probes_before_answer](Origin& origin, RawSocket& socket) {
          const auto request = origin.receive(socket);
          if (is_probe(request)) {
            socket.send(answer("200 OK", "Connection: close\r\n", ""));
            if (++probes_ == probes_before_answer) let_answer();
            return;
          }
          answers_.wait();
          socket.send(ok("slow"));
        }) {}

  ~SlowMaster() { let_answer(); }

  const Origin& origin() const { return origin_; }
  std::size_t probes() const { return probes_; }

 private:
  void let_answer() {
    if (!let_.exchange(true)) promise_.set_value();
  }

  std::promise<void> promise_;
  std::shared_future<void> answers_ = promise_.get_future().share();
  std::atomic<bool> let_ = false;
  std::atomic<std::size_t> probes_ = 0;
  Origin origin_;
};

}  // namespace

TEST_CASE("an answer that takes longer than several probes is waited for, and no other is asked") {
  for (const std::string method : {"GET", "PUT", "POST"}) {
    SlowMaster slow(3);
    Origin second(always(ok("second")));
    auto options = knowing(slow.origin(), second);
    options.probe_after = 250ms;
    const auto seen = Client(options).send(method, "/", {}, "");
    REQUIRE(seen);
    CHECK(seen->body == "slow");
    CHECK(seen->attempts == 1);
    CHECK(calls_at(slow.origin()) == 1);
    CHECK(second.connection_count() == 0);
  }
}

TEST_CASE("a slow answer hears of a call that the deadline ends, and the master is asked again") {
  SlowMaster slow(1'000'000);
  Origin second(always(ok("second")));
  auto options = knowing(slow.origin(), second);
  options.probe_after = 250ms;
  Client client(options);
  CallOptions call;
  call.deadline = 900ms;
  const auto late = client.Get("/", {}, call);
  REQUIRE(!late);
  CHECK(late.error().code == ClientErrorCode::deadline);
  CHECK(late.error().attempts == 1);
  // It is alive, so it is not passed over.
  REQUIRE(!client.Get("/", {}, call));
  CHECK(calls_at(slow.origin()) == 2);
  CHECK(second.connection_count() == 0);
}

TEST_CASE("one probe a while is enough for all calls that wait for a master") {
  SlowMaster slow(4);
  auto options = knowing(slow.origin(), slow.origin());
  options.masters[1] = refusing_address();
  options.probe_after = 200ms;
  Client client(options);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { CHECK(client.Get("/")); });
  }
  for (auto& thread : threads) thread.join();
  CHECK(calls_at(slow.origin()) == 8);
  CHECK(slow.probes() < 4 * 8);
}

TEST_CASE("a master that is frozen costs an idempotent call a probe, and later ones nothing") {
  Origin frozen(say_nothing);
  Origin second(always(ok("second")));
  auto options = knowing(frozen, second);
  options.probe_after = 100ms;
  Client client(options);
  for (int i = 0; i < 3; ++i) {
    const auto seen = client.Get("/");
    REQUIRE(seen);
    CHECK(seen->body == "second");
    CHECK(seen->attempts == (i == 0 ? 2 : 1));
  }
  CHECK(calls_at(frozen) == 1);
}

TEST_CASE("a master that is frozen in the middle of an answer is no reason to wait either") {
  Origin frozen([](Origin& origin, RawSocket& socket) {
    if (!is_probe(origin.receive(socket))) {
      socket.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
    }
    socket.wait_for_hang_up();
  });
  Origin second(always(ok("second")));
  auto options = knowing(frozen, second);
  options.probe_after = 100ms;
  const auto seen = Client(options).Get("/");
  REQUIRE(seen);
  CHECK(seen->body == "second");
}

TEST_CASE("a POST at a frozen master is waited for, and other calls go elsewhere meanwhile") {
  std::promise<void> thaw;
  auto thawed = thaw.get_future().share();
  Origin frozen([&](Origin& origin, RawSocket& socket) {
    const bool probe = is_probe(origin.receive(socket));
    thawed.wait();
    if (!probe) socket.send(ok("thawed"));
  });
  Origin second(always(ok("second")));
  auto options = knowing(frozen, second);
  options.probe_after = 50ms;
  Client client(options);
  auto order = std::async(std::launch::async, [&] { return client.Post("/", "order", ""); });
  CHECK(eventually([&] { return frozen.request_count() == 2; }));  // the order, and the probe
  CHECK(eventually([&] { return client.Get("/")->master == address_of(second); }));
  thaw.set_value();
  const auto seen = order.get();
  REQUIRE(seen);
  CHECK(seen->body == "thawed");
  CHECK(seen->attempts == 1);
}

TEST_CASE("a connection to a process that has gone without a word is given up when it is probed") {
  // Half open: the request is taken, and nobody listens there any more.
  Origin gone([](Origin& origin, RawSocket& socket) {
    origin.receive(socket);
    origin.stop_listening();
    socket.wait_for_hang_up();
  });
  Origin second(always(ok("second")));
  auto options = knowing(gone, second);
  options.probe_after = 100ms;
  const auto seen = Client(options).Get("/");
  REQUIRE(seen);
  CHECK(seen->body == "second");
  CHECK(seen->attempts == 2);
}

TEST_CASE("a single master is never probed") {
  Origin only([](Origin& origin, RawSocket& socket) {
    origin.receive(socket);
    if (socket.stays_silent(200)) socket.send(ok("slow"));
  });
  auto options = knowing(only);
  options.probe_after = 10ms;
  CHECK(Client(options).Get("/")->body == "slow");
  CHECK(only.connection_count() == 1);
}

}  // namespace tandem::test::slow_answer_test
