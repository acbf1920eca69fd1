// Waiting for the last request of a drained worker, and removing it after that.
#include <atomic>
#include <future>

#include <boost/asio.hpp>
#include <catch2/catch.hpp>
#include <httplib.h>
#include <nlohmann/json.hpp>

#include "common/wire/status.hpp"
#include "master/control/drained_wait.hpp"
#include "master/control/limits.hpp"
#include "tests/unit/master/control_fixture.hpp"
#include "tests/unit/master/registry_fixture.hpp"

namespace tandem::master::drained_wait_test {

using Json = nlohmann::json;
using End = DrainedOutcome::End;

namespace {

std::string code_of(const Answer& answer) {
  return Json::parse(answer.body).at("error").at("code");
}

// A control plane with one worker that has a request in flight, and a caller that waits.
struct Busy {
  explicit Busy(ControlPlaneOptions options = {}) : cluster(std::move(options)) {
    REQUIRE(client.post("/heartbeat", heartbeat_json("w1")).status == 200);
    REQUIRE(eventually([&] { return cluster.traffic() == "w1"; }));
    counters = cluster.shown("w1")->counters;
    counters->in_flight = 1;
  }
  std::future<Answer> ask(const std::string& method, const std::string& path) {
    return std::async(std::launch::async, [address = cluster.plane.address(), method, path] {
      return ControlClient(address).send(method, path);
    });
  }
  bool await_drained() {
    return eventually([&] { return cluster.traffic().empty(); });
  }

  ControlFixture cluster;
  ControlClient client{cluster.plane.address()};
  std::shared_ptr<WorkerCounters> counters;
};

bool is_answered(const std::future<Answer>& asked) {
  return asked.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

// What another master answers when it has so many in flight.
std::string other_answer(unsigned in_flight) {
  wire::WorkerStatus worker;
  worker.name = "w1";
  worker.state = "draining";
  worker.in_flight = in_flight;
  const auto body = wire::to_json(std::vector{worker});
  return fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.size(), body);
}

// A wait at a registry in which w1 is drained, with nothing in flight here.
struct Elsewhere {
  explicit Elsewhere(std::vector<Endpoint> others) {
    REQUIRE(registry.hear("w1").ok());
    REQUIRE(registry.drain("w1").ok());
    registry.registry.publish();
    DrainedWaitOptions options;
    std::map<core::NodeId, Endpoint> masters;
    for (const auto& other : others) {
      masters.emplace(core::NodeId(fmt::format("m{}", masters.size())), other);
    }
    options.masters = [masters] { return masters; };
    options.leads = [this] { return leads; };
    options.may_answer = [this] { return may_answer(); };
    drained.emplace(loop, calls, registry.registry, std::move(options));
  }
  DrainedOutcome wait(Duration timeout) {
    auto outcome =
        boost::asio::co_spawn(loop, drained->wait("w1", timeout), boost::asio::use_future);
    loop.restart();
    loop.run();
    return outcome.get();
  }

  boost::asio::io_context loop;
  HttpCalls calls{loop};
  RegistryFixture registry;
  bool leads = true;
  std::function<bool()> may_answer = [] { return true; };
  std::optional<DrainedWait> drained;
};

}  // namespace

TEST_CASE("a drain that waits is answered when the last request in flight has ended") {
  Busy busy;
  std::future<Answer> asked;
  SECTION("as one call") { asked = busy.ask("POST", "/v1/workers/w1/drain?wait_ms=60000"); }
  SECTION("as a question about one that is drained") {
    REQUIRE(busy.client.post("/v1/workers/w1/drain").status == 200);
    asked = busy.ask("GET", "/v1/workers/w1/drained?wait_ms=60000");
  }
  REQUIRE(busy.await_drained());
  for (int i = 0; i < 20; ++i) CHECK(busy.client.get("/health").status == 200);
  CHECK(!is_answered(asked));
  busy.counters->in_flight = 0;
  const auto answer = asked.get();
  CHECK(answer.status == 200);
  CHECK(Json::parse(answer.body)["workers"][0]["in_flight"] == 0);
  CHECK(Json::parse(answer.body)["workers"][0]["state"] == "draining");
}

TEST_CASE("a wait whose time is over says how many are in flight, and the drain holds") {
  Busy busy;
  busy.counters->in_flight = 3;
  const auto answer = busy.client.post("/v1/workers/w1/drain?wait_ms=1");
  CHECK(answer.status == 409);
  CHECK(code_of(answer) == "in_flight");
  CHECK(Json::parse(answer.body)["in_flight"] == 3);
  CHECK(busy.await_drained());
}

TEST_CASE("a drain that does not wait is answered at once") {
  Busy busy;
  CHECK(busy.client.post("/v1/workers/w1/drain").status == 200);
}

TEST_CASE("a wait ends when somebody wants the worker to get requests again") {
  Busy busy;
  auto asked = busy.ask("DELETE", "/v1/workers/w1?wait_ms=60000");
  REQUIRE(busy.await_drained());
  REQUIRE(busy.client.post("/v1/workers/w1/undrain").status == 200);
  const auto answer = asked.get();
  CHECK(answer.status == 409);
  CHECK(code_of(answer) == "conflict");
  CHECK(eventually([&] { return busy.cluster.traffic() == "w1"; }));
  CHECK(busy.client.get("/v1/workers/w1/drained?wait_ms=0").status == 409);
}

TEST_CASE("a worker is removed when its last request has ended, and not before") {
  Busy busy;
  CHECK(busy.client.send("DELETE", "/v1/workers/w1?wait_ms=1").status == 409);
  CHECK(busy.client.get("/v1/workers/w1").status == 200);
  auto asked = busy.ask("DELETE", "/v1/workers/w1");
  CHECK(!is_answered(asked));
  busy.counters->in_flight = 0;
  const auto answer = asked.get();
  CHECK(answer.status == 200);
  CHECK(Json::parse(answer.body)["workers"][0]["name"] == "w1");
  CHECK(busy.client.get("/v1/workers/w1").status == 404);
  const auto beat = Json::parse(busy.client.post("/heartbeat", heartbeat_json("w1")).body);
  CHECK(beat["removed"] == true);
  CHECK(beat["registered"] == false);
  const auto again = busy.client.post("/heartbeat", heartbeat_json("w1", 9001, "two"));
  CHECK(Json::parse(again.body)["removed"] == false);
  CHECK(eventually([&] { return busy.cluster.traffic() == "w1"; }));
}

TEST_CASE("a worker is removed at once when that is asked for, whatever is in flight") {
  Busy busy;
  CHECK(busy.client.send("DELETE", "/v1/workers/w1?now=true").status == 200);
  CHECK(busy.client.get("/v1/workers/w1").status == 404);
}

TEST_CASE("a wait ends well when the worker itself is gone") {
  Busy busy({.worker_heartbeat = 20ms});
  auto bye = Json::parse(heartbeat_json("w1"));
  bye["state"] = "bye";
  auto asked = busy.ask("DELETE", "/v1/workers/w1?wait_ms=60000");
  REQUIRE(busy.await_drained());
  REQUIRE(busy.client.post("/heartbeat", bye.dump()).status == 200);
  CHECK(asked.get().status == 200);
  CHECK(busy.client.get("/v1/workers/w1/drained").status == 404);
}

TEST_CASE("a master that stops ends its waits") {
  Busy busy;
  auto asked = std::async(std::launch::async, [address = busy.cluster.plane.address()] {
    httplib::Client client(address.host, address.port);
    client.set_read_timeout(20);
    return static_cast<bool>(client.Delete("/v1/workers/w1?wait_ms=60000"));
  });
  REQUIRE(busy.await_drained());
  busy.cluster.plane.stop();
  asked.get();  // cut off or answered: it ended
}

TEST_CASE("a loop that has not adopted the drain may still send something") {
  ServingGate gate;
  std::atomic<bool> adopted{false};
  ControlPlane plane({.node = "a", .control = {"127.0.0.1", 0}}, gate,
                     {.snapshot = [](SnapshotPtr) {},
                      .leadership = [](LeadershipPtr) {},
                      .has_adopted = [&](std::uint64_t) { return adopted.load(); }});
  REQUIRE(plane.start().ok());
  plane.take_part();
  ControlClient client(plane.address());
  REQUIRE(eventually([&] { return client.get("/primary").status == 200; }));
  REQUIRE(client.post("/heartbeat", heartbeat_json("w1")).status == 200);
  CHECK(client.post("/v1/workers/w1/drain?wait_ms=1").status == 409);
  adopted = true;
  CHECK(client.post("/v1/workers/w1/drain?wait_ms=60000").status == 200);
}

TEST_CASE("what a query says of waiting is checked") {
  Busy busy;
  for (const auto* query : {"wait_ms=-1", "wait_ms=", "wait_ms=1s", "wait_ms=600001",
                            "wait_ms=1&wait_ms=1", "now=1", "patience=5"}) {
    INFO(query);
    CHECK(busy.client.send("DELETE", fmt::format("/v1/workers/w1?{}", query)).status == 400);
  }
  CHECK(busy.client.post("/v1/workers/w1/drain?now=true").status == 400);
  CHECK(busy.cluster.traffic() == "w1");
  CHECK(busy.client.get("/v1/workers/nobody/drained").status == 404);
}

TEST_CASE("requests that another master has in flight are waited for") {
  FixedBackend other(other_answer(2));
  Elsewhere elsewhere({other.address()});
  auto outcome = elsewhere.wait(1ms);
  CHECK(outcome.end == End::in_flight);
  CHECK(outcome.in_flight == 2);
  other.answer_with(other_answer(0));
  outcome = elsewhere.wait(1min);
  CHECK(outcome.end == End::drained);
  CHECK(outcome.in_flight == 0);
}

TEST_CASE("a master that refuses, or says nothing of use, is not waited for") {
  FixedBackend useless("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
  FixedBackend unknowing("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  Elsewhere elsewhere({useless.address(), unknowing.address(), {"127.0.0.1", 1}});
  CHECK(elsewhere.wait(1min).end == End::drained);
}

TEST_CASE("a wait ends when this master leads no more") {
  FixedBackend other(other_answer(2));
  Elsewhere elsewhere({other.address()});
  elsewhere.leads = false;
  CHECK(elsewhere.wait(1min).end == End::leads_no_more);
}

TEST_CASE("a wait is not answered while no lease holds, and goes on when one holds again") {
  Elsewhere elsewhere({});
  SECTION("it holds again") {
    unsigned asked = 0;
    elsewhere.may_answer = [&asked] { return ++asked > 3; };
    CHECK(elsewhere.wait(1min).end == End::drained);
    CHECK(asked == 4);
  }
  SECTION("the time is over first") {
    elsewhere.may_answer = [] { return false; };
    CHECK(elsewhere.wait(30ms).end == End::leads_no_more);
  }
}

TEST_CASE("no more than so many wait at once") {
  Elsewhere elsewhere({});
  unsigned busy = 0;
  unsigned late = 0;
  RegistryFixture& registry = elsewhere.registry;
  REQUIRE(registry.undrain("w1").ok());
  registry.shown("w1")->counters->in_flight = 1;
  REQUIRE(registry.drain("w1").ok());
  registry.registry.publish();
  for (std::size_t i = 0; i <= limits::drained_waits_max; ++i) {
    boost::asio::co_spawn(elsewhere.loop, elsewhere.drained->wait("w1", 300ms),
                          [&](std::exception_ptr, DrainedOutcome outcome) {
                            busy += outcome.end == End::busy;
                            late += outcome.end == End::in_flight;
                          });
  }
  elsewhere.loop.run();
  CHECK(busy == 1);
  CHECK(late == limits::drained_waits_max);
}

}  // namespace tandem::master::drained_wait_test
