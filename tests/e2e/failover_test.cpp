// The primary dies, freezes, hands over, returns: what clients and workers see of it.
#include <csignal>
#include <future>
#include <thread>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/e2e/harness/cluster.hpp"
#include "tests/e2e/harness/load.hpp"
#include "tests/e2e/harness/pair_cluster.hpp"
#include "tests/e2e/harness/posts.hpp"
#include "tests/e2e/harness/primary_watch.hpp"

namespace tandem::e2e::failover_test {
namespace {

// Two masters and two workers that vote, and who leads.
struct Four {
  explicit Four(PairClusterOptions options = {}) : cluster(std::move(options)) {
    cluster.start_workers({"w1", "w2"});
    primary = cluster.await_primary();
    standby = cluster.standby_of(primary);
  }
  const std::string& standby_address() const { return cluster.listen(standby); }
  bool await_taken_over() const {
    return eventually([&] { return cluster.primaries() == std::vector{standby}; });
  }

  PairCluster cluster;
  std::string primary;
  std::string standby;
};

PairClusterOptions recording() {
  PairClusterOptions options;
  options.recording = true;
  return options;
}

}  // namespace

TEST_CASE("no GET through the standby fails when the primary is killed with -9") {
  Four four;
  const auto term = four.cluster.status(four.standby).term;
  Load load(four.standby_address(), 4);
  REQUIRE(load.await_more(200));
  four.cluster.master(four.primary).kill9();
  REQUIRE(four.await_taken_over());
  CHECK(load.await_more(500));
  load.stop();
  CHECK(load.first_failure() == "");
  CHECK(four.cluster.status(four.standby).term > term);
}

TEST_CASE(
    "no POST is executed twice and none that was answered is lost when the primary is killed") {
  Four four(recording());
  Posts posts({four.standby_address(), four.cluster.listen(four.primary)}, 6);
  REQUIRE(posts.await_more(200));
  four.cluster.master(four.primary).kill9();
  REQUIRE(four.await_taken_over());
  CHECK(posts.await_more(200));
  posts.stop();
  CHECK(posts.wrong(four.cluster.posts_executed()) == "");
}

TEST_CASE("a master that was killed comes back as a standby in sync") {
  Four four;
  four.cluster.master(four.primary).kill9();
  REQUIRE(four.await_taken_over());
  four.cluster.start_master(four.primary);
  CHECK(four.cluster.await_whole() == "");
  CHECK(four.cluster.primaries() == std::vector{four.standby});
  CHECK(four.cluster.ask(four.primary, "/standby").status == 200);
  CHECK(get(four.cluster.listen(four.primary), "/").status == 200);
}

TEST_CASE("a frozen primary is replaced and does not serve as one when it wakes") {
  Four four(recording());
  const PrimaryWatch watch(four.cluster);
  // Some of what these send waits in the frozen one's sockets until it wakes.
  Posts posts({four.cluster.listen("a"), four.cluster.listen("b")}, 16);
  for (int round = 0; round < 3; ++round) {
    const auto frozen = four.cluster.await_primary();
    const auto successor = four.cluster.standby_of(frozen);
    const auto term = four.cluster.status(frozen).term;
    REQUIRE(posts.await_more(100));
    four.cluster.freeze(frozen);
    REQUIRE(eventually([&] { return four.cluster.primaries() == std::vector{successor}; }));
    // For so long that what is executed under the old term cannot have crossed with the new one.
    REQUIRE(eventually([&] { return four.cluster.ms_in_latest_term() > 1'500; }));
    four.cluster.thaw(frozen);
    CHECK(four.cluster.ask(frozen, "/primary").status == 503);
    CHECK(four.cluster.primaries() == std::vector{successor});
    CHECK(four.cluster.await_whole() == "");
    CHECK(four.cluster.status(successor).term > term);
    CHECK(four.cluster.status(frozen).term == four.cluster.status(successor).term);
  }
  CHECK(posts.await_more(100));
  posts.stop();
  CHECK(posts.wrong(four.cluster.posts_executed()) == "");
  CHECK(four.cluster.first_stale_execution() == "");
  CHECK(watch.violation() == "");
}

TEST_CASE("a master that is alone leads on when it wakes, and what came meanwhile is answered") {
  Cluster cluster;
  cluster.start_workers({"w1"});
  const auto term = [&] {
    const auto status = nlohmann::json::parse(get(cluster.control(), "/status").body);
    return status.at("term").get<std::uint64_t>();
  };
  const auto before = term();
  Load load(cluster.listen(), 8);
  REQUIRE(load.await_more(100));
  for (int round = 0; round < 2; ++round) {
    cluster.master().signal(SIGSTOP);
    std::this_thread::sleep_for(3s);  // longer than a lease and the time after which it is given up
    cluster.master().signal(SIGCONT);
    CHECK(load.await_more(100));
  }
  load.stop();
  CHECK(load.first_failure() == "");
  CHECK(term() == before);
}

TEST_CASE("a drain that a primary acknowledges when it wakes is one that the cluster knows") {
  Four four;
  const auto state_at = [&](const std::string& master) {
    return four.cluster.status(master).workers.at("w1").state;
  };
  for (int round = 0; round < 3; ++round) {
    const auto frozen = four.cluster.await_primary();
    const auto successor = four.cluster.standby_of(frozen);
    REQUIRE(four.cluster.tell(frozen, "/v1/workers/w1/drain").status == 200);
    four.cluster.freeze(frozen);
    REQUIRE(eventually([&] { return four.cluster.primaries() == std::vector{successor}; }));
    REQUIRE(four.cluster.tell(successor, "/v1/workers/w1/undrain").status == 200);
    CHECK(state_at(successor) == "up");
    // To the one that still takes itself for the primary, and w1 for drained.
    auto asked = std::async(std::launch::async, [&] {
      return four.cluster.tell(frozen, "/v1/workers/w1/drain").status;
    });
    four.cluster.thaw(frozen);
    if (asked.get() == 200) CHECK(eventually([&] { return state_at(successor) == "draining"; }));
    CHECK(four.cluster.await_whole() == "");
  }
}

TEST_CASE("no request fails when the primary hands over") {
  Four four(recording());
  Load load(four.standby_address(), 2);
  Load at_primary(four.cluster.listen(four.primary), 2);
  Posts posts({four.standby_address(), four.cluster.listen(four.primary)}, 4);
  REQUIRE(posts.await_more(100));
  for (int round = 0; round < 4; ++round) {
    const auto from = four.cluster.await_primary();
    const Answer answer = four.cluster.tell(from, "/v1/switchover");
    INFO(answer.body);
    REQUIRE(answer.status == 200);
    CHECK(four.cluster.await_primary() != from);
    REQUIRE(posts.await_more(100));
    REQUIRE(four.cluster.await_whole() == "");
  }
  for (auto* clients : {&load, &at_primary}) {
    clients->stop();
    CHECK(clients->first_failure() == "");
  }
  posts.stop();
  CHECK(posts.wrong(four.cluster.posts_executed()) == "");
  for (const auto& [id, status] : posts.outcomes()) {
    INFO(id);
    REQUIRE(status == 200);
  }
}

TEST_CASE("a primary that is asked to end hands over first and no request fails") {
  Four four(recording());
  Load load(four.standby_address(), 2);
  Posts posts({four.standby_address()}, 2);
  REQUIRE(posts.await_more(100));
  four.cluster.master(four.primary).terminate();
  REQUIRE(four.await_taken_over());
  CHECK(four.cluster.master(four.primary).await_exit() == 0);
  CHECK(posts.await_more(100));
  load.stop();
  posts.stop();
  CHECK(load.first_failure() == "");
  CHECK(posts.wrong(four.cluster.posts_executed()) == "");
  for (const auto& [id, status] : posts.outcomes()) {
    INFO(id);
    REQUIRE(status == 200);
  }
}

TEST_CASE(
    "two masters without a witness stand by for each other and say that it is not protection") {
  PairCluster cluster;
  REQUIRE(cluster.await_whole() == "");
  const auto primary = cluster.await_primary();
  const auto standby = cluster.standby_of(primary);
  REQUIRE(eventually([&] { return cluster.status(standby).mode == "pair"; }));
  CHECK(!cluster.status(standby).is_protected);
  CHECK(!cluster.status(primary).is_protected);
  cluster.master(primary).kill9();
  CHECK(eventually([&] { return cluster.primaries() == std::vector{standby}; }));
  cluster.start_master(primary);
  CHECK(cluster.await_whole() == "");
}

TEST_CASE("commands of the operator are run at a promotion and at a demotion") {
  const TempDir dir;
  const auto hook =
      dir.write("hook.sh", "#!/bin/sh\necho \"$TANDEM_NODE $TANDEM_ROLE $TANDEM_TERM $1\" >> " +
                               dir.path("hooks") + "\n");
  PairClusterOptions options;
  options.arguments = {"--on-promote", "sh " + hook + " 'with care'", "--on-demote",
                       "sh " + hook + " gone"};
  Four four(options);
  const auto ran = [&](const std::string& line) {
    return eventually([&] { return read_file(dir.path("hooks")).find(line) != std::string::npos; });
  };
  const auto term = four.cluster.status(four.primary).term;
  CHECK(ran(fmt::format("{} primary {} with care\n", four.primary, term)));
  REQUIRE(four.cluster.tell(four.primary, "/v1/switchover").status == 200);
  CHECK(ran(fmt::format("{} primary {} with care\n", four.standby, term + 1)));
  CHECK(ran(fmt::format("{} standby {} gone\n", four.primary, term)));
  INFO(read_file(dir.path("hooks")));
}

TEST_CASE("any of three masters can take over, and leadership is handed to the one named") {
  PairClusterOptions options;
  options.masters = {"a", "b", "c"};
  PairCluster cluster(options);
  cluster.start_worker("w1", PairCluster::Votes::no);
  REQUIRE(cluster.await_whole() == "");
  const auto first = cluster.await_primary();
  Load load(cluster.listen(first == "c" ? "b" : "c"), 2);
  REQUIRE(load.await_more(50));
  cluster.master(first).kill9();
  const auto second = cluster.await_primary();
  CHECK(second != first);
  CHECK(load.await_more(50));
  cluster.start_master(first);
  REQUIRE(cluster.await_whole() == "");
  const Answer answer =
      cluster.tell(second, "/v1/switchover", fmt::format(R"({{"to": "{}"}})", first));
  INFO(answer.body);
  CHECK(answer.status == 200);
  CHECK(eventually([&] { return cluster.primaries() == std::vector{first}; }));
  CHECK(load.await_more(50));
  load.stop();
  CHECK(load.first_failure() == "");
}

}  // namespace tandem::e2e::failover_test
