// Hosts in network namespaces: what holds while a cable is cut, and after, and what is said of it.
#include <csignal>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/e2e/harness/pair_cluster.hpp"
#include "tests/e2e/harness/posts.hpp"
#include "tests/e2e/harness/primary_watch.hpp"

namespace tandem::e2e::cut_cable_test {
namespace {

// Two masters and workers that vote, each on a host of its own. Does nothing where namespaces
// are not permitted.
struct Hosts {
  explicit Hosts(const std::vector<std::string>& witnesses = {"w1", "w2"}) {
    if (const auto why = Network::why_not_permitted(); !why.empty()) {
      WARN("skipped: " << why);
      return;
    }
    std::vector<std::string> all{"a", "b"};
    all.insert(all.end(), witnesses.begin(), witnesses.end());
    network.emplace(all, 1);
    PairClusterOptions options;
    options.recording = true;
    options.network = &*network;
    cluster.emplace(options);
    cluster->start_workers(witnesses);
    primary = cluster->await_primary();
    standby = cluster->standby_of(primary);
  }
  explicit operator bool() const { return cluster.has_value(); }
  bool await_taken_over() {
    return eventually([this] { return cluster->primaries() == std::vector{standby}; });
  }
  void check_after_heal(Posts& posts) {
    network->heal();
    CHECK(cluster->await_whole() == "");
    CHECK(posts.await_more(50));
    posts.stop();
    CHECK(posts.wrong(cluster->posts_executed()) == "");
    CHECK(cluster->first_stale_execution() == "");
  }

  std::optional<Network> network;
  std::optional<PairCluster> cluster;
  std::string primary;
  std::string standby;
};

}  // namespace

TEST_CASE("a primary that is cut off stops serving and the standby takes over") {
  Hosts hosts;
  if (!hosts) return;
  const PrimaryWatch watch(*hosts.cluster);
  Posts posts({hosts.cluster->listen(hosts.standby)}, 2);
  REQUIRE(posts.await_more(20));
  hosts.network->cut_from_all(hosts.primary);
  REQUIRE(hosts.await_taken_over());
  CHECK(posts.await_more(50));  // by the new one, while the old one is cut off
  const Answer answer = get(hosts.cluster->listen(hosts.primary), "/");
  CHECK(answer.status == 503);
  CHECK(answer.header("Retry-After") != "");
  const Answer change =
      hosts.cluster->tell(hosts.primary, "/v1/workers/w1/weight", R"({"weight": 9})");
  CHECK(change.status == 503);
  hosts.check_after_heal(posts);
  CHECK(hosts.cluster->primaries() == std::vector{hosts.standby});
  CHECK(watch.violation() == "");
}

TEST_CASE(
    "a standby that the primary cannot be heard by does not replace it while workers hear it") {
  Hosts hosts;
  if (!hosts) return;
  const PrimaryWatch watch(*hosts.cluster);
  Posts posts({hosts.cluster->listen(hosts.primary)}, 2);
  REQUIRE(posts.await_more(20));
  const auto term = hosts.cluster->status(hosts.primary).term;
  hosts.network->cut(hosts.primary, hosts.standby);
  // It has noticed, and would have replaced it by now if the witnesses let it.
  REQUIRE(eventually([&] { return hosts.cluster->status(hosts.standby).role == "candidate"; }));
  REQUIRE(eventually([&] { return hosts.cluster->ms_in_latest_term() > 1'500; }));
  CHECK(hosts.cluster->primaries() == std::vector{hosts.primary});
  hosts.check_after_heal(posts);
  CHECK(hosts.cluster->status(hosts.primary).term == term);
  CHECK(watch.violation() == "");
}

TEST_CASE("a primary whose packets are lost one way only is replaced and there are never two") {
  Hosts hosts;
  if (!hosts) return;
  const PrimaryWatch watch(*hosts.cluster);
  Posts posts({hosts.cluster->listen(hosts.standby)}, 2);
  REQUIRE(posts.await_more(20));
  const std::vector<std::string> others{hosts.standby, "w1", "w2"};
  SECTION("what it sends") {
    for (const auto& other : others) hosts.network->cut_one_way(hosts.primary, other);
  }
  SECTION("what it hears") {
    for (const auto& other : others) hosts.network->cut_one_way(other, hosts.primary);
  }
  REQUIRE(hosts.await_taken_over());
  hosts.check_after_heal(posts);
  CHECK(watch.violation() == "");
}

TEST_CASE("a standby that does not reach the witness is no protection until it does") {
  Hosts hosts({"w1"});
  if (!hosts) return;
  auto& cluster = *hosts.cluster;
  SECTION("it hears nothing of it") { hosts.network->cut_one_way("w1", hosts.standby); }
  SECTION("it is not heard by it") { hosts.network->cut_one_way(hosts.standby, "w1"); }
  SECTION("neither") { hosts.network->cut("w1", hosts.standby); }
  const auto told = fmt::format("{} does not reach w1: the loss of {} would end service",
                                hosts.standby, hosts.primary);
  REQUIRE(eventually([&] { return cluster.status(hosts.primary).protection == told; }));
  CHECK_FALSE(cluster.status(hosts.primary).is_protected);
  CHECK(eventually([&] { return !cluster.status(hosts.standby).is_protected; }));
  hosts.network->heal();
  REQUIRE(cluster.await_whole() == "");
  CHECK(cluster.status(hosts.primary).protection == "all voters answer");
  CHECK(cluster.primaries() == std::vector{hosts.primary});
}

TEST_CASE("who is told that nothing protects it sees nobody lead when the primary dies") {
  Hosts hosts({"w1"});
  if (!hosts) return;
  auto& cluster = *hosts.cluster;
  hosts.network->cut("w1", hosts.standby);
  REQUIRE(eventually([&] { return !cluster.status(hosts.primary).is_protected; }));
  cluster.master(hosts.primary).signal(SIGKILL);
  REQUIRE(eventually([&] { return cluster.status(hosts.standby).role == "candidate"; }));
  CHECK(cluster.primaries().empty());
  hosts.network->heal();
  CHECK(hosts.await_taken_over());
}

}  // namespace tandem::e2e::cut_cable_test
