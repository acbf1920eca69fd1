// Workers that are drained, waited for and removed, while real clients ask.
#include <optional>
#include <thread>

#include <catch2/catch.hpp>

#include "tests/e2e/harness/load.hpp"
#include "tests/e2e/harness/pair_cluster.hpp"

namespace tandem::e2e::drain_test {
namespace {

// One request that takes a while, from a thread of its own.
class SlowRequest {
 public:
  SlowRequest(const std::string& address, unsigned ms)
      : thread_([this, address, ms] { answer_ = get(address, "/slow?ms=" + std::to_string(ms)); }) {
  }
  ~SlowRequest() {
    if (thread_.joinable()) thread_.join();
  }
  int status() {
    thread_.join();
    return answer_.status;
  }

 private:
  Answer answer_;
  std::thread thread_;
};

bool is_in_flight(const Cluster& cluster, const std::string& name) {
  return eventually([&] { return cluster.workers().at(name).in_flight == 1; });
}

Arguments tandem_tool(const Arguments& words, const std::vector<std::string>& controls) {
  Arguments command = {program("tandem")};
  command.insert(command.end(), words.begin(), words.end());
  for (const auto& control : controls) command.insert(command.end(), {"--control", control});
  return command;
}

// Two masters, of which one has a request in flight at w1 and the other is the standby.
struct Pair {
  Pair() {
    cluster.start_workers({"w1", "w2"});
    primary = cluster.await_primary();
    standby = cluster.standby_of(primary);
    REQUIRE(cluster.tell(primary, "/v1/workers/w2/drain").status == 200);
    slow.emplace(cluster.listen(primary), 4'000);
    REQUIRE(in_flight(1));
    REQUIRE(cluster.tell(primary, "/v1/workers/w2/undrain").status == 200);
  }
  bool in_flight(unsigned count) const {
    return eventually([&] { return cluster.status(primary).workers.at("w1").in_flight == count; });
  }
  bool is_drained(const std::string& master) const {
    return eventually([&] { return cluster.status(master).workers.at("w1").state == "draining"; });
  }
  bool hand_over() const {
    return cluster.tell(primary, "/v1/switchover").status == 200 &&
           eventually([&] { return cluster.primaries() == std::vector{standby}; });
  }

  PairCluster cluster;
  std::string primary;
  std::string standby;
  std::optional<SlowRequest> slow;
};

}  // namespace

TEST_CASE("a drain that waits returns when the last request was answered, and not before") {
  Cluster cluster;
  cluster.start_workers({"w1"});
  SlowRequest slow(cluster.listen(), 2'000);
  REQUIRE(is_in_flight(cluster, "w1"));
  const auto late =
      run(tandem_tool({"drain", "w1", "--wait", "--timeout", "10ms"}, {cluster.control()}));
  CHECK(late.status == 1);
  CHECK_THAT(late.errors, Catch::Contains("w1: 1 request in flight") &&
                              Catch::Contains("1 request still in flight"));
  const auto waited = run(tandem_tool({"drain", "w1", "--wait"}, {cluster.control()}));
  CHECK(waited.status == 0);
  CHECK(cluster.workers().at("w1").in_flight == 0);
  CHECK(cluster.requests_of("w1") == 1);
  CHECK(slow.status() == 200);
  CHECK(cluster.state_of("w1") == "draining");
}

TEST_CASE("workers that are removed under load end by themselves, and no request fails") {
  Cluster cluster;
  cluster.start_workers({"w1", "w2", "w3"});
  Load load(cluster.listen(), 4, "/slow?ms=5");
  REQUIRE(load.await_more(100));
  SECTION("by the control API") {
    CHECK(remove(cluster.control(), "/v1/workers/w1").status == 200);
  }
  SECTION("by the command-line tool") {
    CHECK(run(tandem_tool({"remove", "w1"}, {cluster.control()})).status == 0);
  }
  CHECK(cluster.state_of("w1") == "unknown");
  CHECK(cluster.worker("w1").await_exit() == 0);
  CHECK(load.await_more(100));
  CHECK(cluster.state_of("w1") == "unknown");
  cluster.start_worker_again("w1");
  REQUIRE(cluster.await_state("w1", "up"));
  CHECK(eventually([&] { return cluster.requests_of("w1") > 0; }));
  load.stop();
  CHECK(load.first_failure() == "");
}

TEST_CASE("a removed worker is out at every master") {
  PairCluster cluster;
  cluster.start_workers({"w1", "w2", "w3"});
  const auto primary = cluster.await_primary();
  const auto standby = cluster.standby_of(primary);
  CHECK(run(tandem_tool({"remove", "w2"}, {cluster.control(standby)})).status == 0);
  CHECK(cluster.worker("w2").await_exit() == 0);
  for (const auto& master : {primary, standby}) {
    CHECK(eventually([&] { return !cluster.status(master).workers.contains("w2"); }));
  }
  CHECK(cluster.ask(primary, "/v1/workers/w2").status == 404);
}

TEST_CASE("a drain that waits survives a switchover, and waits for the old primary's requests") {
  Pair pair;
  const std::vector<std::string> controls{pair.cluster.control(pair.standby),
                                          pair.cluster.control(pair.primary)};
  Process waiting(pair.cluster.dir(), "drain", tandem_tool({"drain", "w1", "--wait"}, controls));
  REQUIRE(pair.is_drained(pair.primary));
  REQUIRE(pair.hand_over());
  const auto drained = pair.cluster.ask(pair.standby, "/v1/workers/w1/drained?wait_ms=0");
  CHECK(drained.status == 409);
  CHECK_THAT(drained.body, Catch::Contains("\"in_flight\":1"));
  CHECK(waiting.running());
  CHECK(waiting.await_exit() == 0);
  CHECK(pair.in_flight(0));
  CHECK(pair.slow->status() == 200);
}

TEST_CASE("a removal that a takeover interrupts says that the drain holds, and can be repeated") {
  Pair pair;
  Answer interrupted;
  std::thread removing(
      [&] { interrupted = remove(pair.cluster.control(pair.primary), "/v1/workers/w1"); });
  const bool drained = pair.is_drained(pair.primary);
  const bool handed_over = pair.hand_over();
  removing.join();
  REQUIRE(drained);
  REQUIRE(handed_over);
  CHECK(interrupted.status == 503);
  CHECK_THAT(interrupted.body,
             Catch::Contains("not_primary") && Catch::Contains("w1 is drained and not removed"));
  CHECK(pair.cluster.status(pair.standby).workers.at("w1").state == "draining");
  CHECK(remove(pair.cluster.control(pair.standby), "/v1/workers/w1").status == 200);
  CHECK(pair.slow->status() == 200);
  CHECK(pair.cluster.worker("w1").await_exit() == 0);
}

TEST_CASE("a standby ends at once although a drain that it passed on waits") {
  PairCluster cluster;
  cluster.start_workers({"w1"});
  const auto primary = cluster.await_primary();
  const auto standby = cluster.standby_of(primary);
  SlowRequest slow(cluster.listen(primary), 60'000);
  REQUIRE(eventually([&] { return cluster.status(primary).workers.at("w1").in_flight == 1; }));
  std::thread draining(
      [&] { cluster.send(standby, "POST", "/v1/workers/w1/drain?wait_ms=600000", "", 60s); });
  const bool drains =
      eventually([&] { return cluster.status(primary).workers.at("w1").state == "draining"; });
  cluster.master(standby).terminate();
  const auto ended = cluster.master(standby).await_exit(Milliseconds(10'000));
  cluster.worker("w1").kill9();
  cluster.master(standby).kill9();
  draining.join();
  CHECK(drains);
  CHECK(ended == 0);
}

}  // namespace tandem::e2e::drain_test
