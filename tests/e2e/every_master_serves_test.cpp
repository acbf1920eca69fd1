// Masters that send requests to workers without leading, under a grant of the primary.
#include <atomic>
#include <thread>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/e2e/harness/load.hpp"
#include "tests/e2e/harness/pair_cluster.hpp"

namespace tandem::e2e::every_master_serves_test {
namespace {

// w1 votes, w2 and w3 do not.
struct Served {
  explicit Served(Arguments more = {}) : cluster(options(std::move(more))) {
    cluster.start_worker("w1");
    cluster.start_worker("w2", PairCluster::Votes::no);
    cluster.start_worker("w3", PairCluster::Votes::no);
    REQUIRE(cluster.await_whole() == "");
    primary = cluster.await_primary();
    standby = cluster.standby_of(primary);
    REQUIRE(eventually([&] { return holds_grant(standby); }));
  }
  static PairClusterOptions options(Arguments more) {
    PairClusterOptions options;
    options.arguments = {"--standby-traffic", "serve"};
    options.arguments.insert(options.arguments.end(), more.begin(), more.end());
    return options;
  }
  bool holds_grant(const std::string& master) const {
    return nlohmann::json::parse(cluster.ask(master, "/status").body).contains("grant_ms");
  }
  std::uint64_t answered_through(const std::string& master) const {
    std::uint64_t sum = 0;
    for (const auto& [name, worker] : cluster.status(master).workers) sum += worker.requests;
    return sum;
  }
  // Drains w3; false when the answer was another one than 200.
  bool drain() const {
    return cluster.send(primary, "POST", "/v1/workers/w3/drain", "", Milliseconds(10'000)).status ==
           200;
  }

  PairCluster cluster;
  std::string primary;
  std::string standby;
};

// One client after the other, none of whom may meet w3 once that is `drained`.
class Strollers {
 public:
  explicit Strollers(std::string address)
      : thread_([this, address = std::move(address)] {
          while (!stopping_) stroll(address);
        }) {}
  ~Strollers() { stop(); }
  void stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }

  std::atomic<bool> drained{false};
  std::atomic<unsigned> late{0};   // that were sent to w3 after that
  std::atomic<unsigned> after{0};  // that began after that, and were answered by a worker
  std::atomic<unsigned> at_w3{0};

 private:
  void stroll(const std::string& address) {
    const bool began_after = drained;
    Answer answer;
    try {
      answer = get(address, "/");
    } catch (const std::exception&) {
      return;  // no answer in time, as from a frozen master
    }
    if (answer.status != 200) return;
    const auto worker = answer.body.substr(0, answer.body.find(' '));
    if (worker == "w3") ++at_w3;
    if (began_after && worker == "w3") ++late;
    if (began_after) ++after;
  }

  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace

TEST_CASE("a standby that serves sends requests to workers by itself") {
  const Served served;
  CHECK(served.cluster.status(served.standby).role == "standby");
  CHECK_THAT(served.cluster.ask(served.standby, "/metrics").body,
             Catch::Contains("tandem_serving_under_grant 1"));
  const auto before = served.answered_through(served.primary);
  for (int i = 0; i < 10; ++i) {
    const auto answer = post(served.cluster.listen(served.standby), "/echo", "here");
    CHECK(answer.status == 200);
    CHECK(answer.body == "here");
  }
  // A request is counted once its answer has left.
  CHECK(eventually([&] { return served.answered_through(served.standby) >= 10; }));
  CHECK(served.answered_through(served.primary) == before);
}

TEST_CASE("clients of the other master see no failure when the primary is gone") {
  Served served;
  Load load(served.cluster.listen(served.standby), 4);
  REQUIRE(load.await_more(100));
  SECTION("killed") { served.cluster.master(served.primary).kill9(); }
  SECTION("frozen") { served.cluster.freeze(served.primary); }
  REQUIRE(eventually([&] { return served.cluster.status(served.standby).role == "primary"; }));
  CHECK(load.await_more(500));
  load.stop();
  CHECK(load.first_failure() == "");
  CHECK(load.failed() == 0);
}

TEST_CASE("a drain holds at both masters when it is answered") {
  Served served;
  Strollers there(served.cluster.listen(served.standby));
  Strollers here(served.cluster.listen(served.primary));
  REQUIRE(eventually([&] { return there.at_w3 > 0 && here.at_w3 > 0; }));
  REQUIRE(served.drain());
  there.drained = here.drained = true;
  CHECK(eventually([&] { return there.after > 200 && here.after > 200; }));
  there.stop();
  here.stop();
  CHECK(there.late == 0);
  CHECK(here.late == 0);
}

TEST_CASE("a drain is answered while the other master is frozen, and holds there when it wakes") {
  Served served;
  Strollers there(served.cluster.listen(served.standby));
  REQUIRE(eventually([&] { return there.at_w3 > 0; }));
  served.cluster.freeze(served.standby);
  REQUIRE(served.drain());
  there.drained = true;
  served.cluster.thaw(served.standby);
  CHECK(eventually([&] { return there.after > 200; }));
  REQUIRE(eventually([&] { return served.holds_grant(served.standby); }));
  there.stop();
  CHECK(there.late == 0);
}

TEST_CASE("a master that hears from nobody stops serving when its grant ends, and comes back") {
  Served served;
  const auto& listen = served.cluster.listen(served.standby);
  CHECK(get(listen, "/").status == 200);
  served.cluster.worker("w1").freeze();  // nobody can be elected
  served.cluster.freeze(served.primary);
  CHECK(eventually([&] { return !served.holds_grant(served.standby); }));
  CHECK(get(listen, "/").status == 503);
  served.cluster.worker("w1").thaw();
  served.cluster.thaw(served.primary);
  CHECK(eventually([&] { return get(listen, "/").status == 200; }));
}

TEST_CASE("masters that serve share what one client may send") {
  const Served served({"--rate-limit", "1:100"});
  unsigned admitted = 0;
  for (const auto& master : {served.primary, served.standby}) {
    for (int i = 0; i < 150; ++i) {
      const auto status = get(served.cluster.listen(master), "/").status;
      CHECK((status == 200 || status == 429));
      admitted += status == 200 ? 1 : 0;
    }
  }
  // What the clocks add meanwhile is little: 300 requests take no minute.
  CHECK(admitted >= 90);
  CHECK(admitted <= 160);
}

}  // namespace tandem::e2e::every_master_serves_test
