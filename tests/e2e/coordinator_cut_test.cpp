// Hosts in network namespaces: what masters do that etcd coordinates while cables between them, to
// etcd, or between its members are cut, also one way.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/e2e/coordinator_scene.hpp"
#include "tests/e2e/harness/changes.hpp"
#include "tests/e2e/harness/load.hpp"
#include "tests/e2e/harness/posts.hpp"

namespace tandem::e2e::coordinator_cut_test {
namespace {

// Two masters, a worker, and as many members of etcd, each on a host of its own. Does nothing
// where namespaces are not permitted, or etcd is not installed.
struct Hosts {
  explicit Hosts(std::size_t members) {
    if (is_etcd_missing()) return;
    if (const auto why = Network::why_not_permitted(); !why.empty()) {
      WARN("skipped: " << why);
      return;
    }
    std::vector<std::string> all{"a", "b", "w1"};
    for (std::size_t i = 0; i < members; ++i) names.push_back(fmt::format("e{}", i));
    all.insert(all.end(), names.begin(), names.end());
    network.emplace(all, 1);
    start_etcd();
    auto options = coordinated(coordinator());
    options.recording = true;
    options.network = &*network;
    cluster.emplace(options);
    cluster->start_worker("w1", PairCluster::Votes::no);
    REQUIRE(cluster->await_whole().empty());
    primary = cluster->await_primary();
    standby = cluster->standby_of(primary);
    // Workers leave a master that the state of a new primary does not list yet.
    for (const auto& [name, other] : {std::pair(primary, standby), std::pair(standby, primary)}) {
      REQUIRE(eventually([&, name = name, other = other] {
        return is_in("info master node=" + other, cluster->master(name).errors());
      }));
    }
  }
  explicit operator bool() const { return cluster.has_value(); }

  void start_etcd() {
    std::string known;
    for (const auto& name : names) {
      known += fmt::format("{}{}=http://{}:2380", known.empty() ? "" : ",", name,
                           network->address(name));
    }
    for (const auto& name : names) {
      const auto there = network->enter(name);
      const auto address = network->address(name);
      etcd.push_back(
          std::make_unique<EtcdServer>(dir, name, address + ":2380", known, address + ":2379"));
      etcd.back()->start();
    }
    for (const auto& each : etcd) REQUIRE(each->await_ready());
  }
  std::string coordinator() const {
    std::string all = "etcd=";
    for (const auto& each : etcd) all += (all.size() > 5 ? "," : "") + each->address();
    return all;
  }
  bool await_taken_over() {
    return eventually([this] { return cluster->primaries() == std::vector{standby}; });
  }
  bool await_change(const std::string& master) {
    return eventually([&] {
      return cluster->tell(master, "/v1/workers/w1/weight", R"({"weight":7})").status == 200;
    });
  }
  void check_after_heal(Posts& posts) {
    network->heal();
    CHECK(cluster->await_whole() == "");
    CHECK(posts.await_more(50));
    posts.stop();
    CHECK(posts.wrong(cluster->posts_executed()) == "");
    CHECK(cluster->first_stale_execution() == "");
    CHECK(await_change(primary));
    CHECK(await_change(standby));
  }

  TempDir dir;
  std::vector<std::string> names;
  std::optional<Network> network;
  std::vector<std::unique_ptr<EtcdServer>> etcd;
  std::optional<PairCluster> cluster;
  std::string primary;
  std::string standby;
};

}  // namespace

TEST_CASE("a primary that alone is cut off from etcd is replaced, and its workers refuse it") {
  Hosts hosts(1);
  if (!hosts) return;
  Posts posts({hosts.cluster->listen(hosts.standby)}, 2);
  REQUIRE(posts.await_more(20));
  SECTION("both ways") { hosts.network->cut(hosts.primary, "e0"); }
  SECTION("it hears nothing") { hosts.network->cut_one_way("e0", hosts.primary); }
  SECTION("it is not heard") { hosts.network->cut_one_way(hosts.primary, "e0"); }
  REQUIRE(hosts.await_taken_over());
  CHECK_FALSE(is_in("etcd refuses", hosts.cluster->master(hosts.primary).errors()));
  CHECK(posts.await_more(50));
  CHECK(hosts.await_change(hosts.standby));
  hosts.check_after_heal(posts);
}

TEST_CASE("a primary that is cut off from everything ends by itself when it is back") {
  Hosts hosts(1);
  if (!hosts) return;
  Posts posts({hosts.cluster->listen(hosts.standby)}, 2);
  REQUIRE(posts.await_more(20));
  const auto term = hosts.cluster->status(hosts.primary).term;
  hosts.network->cut_from_all(hosts.primary);
  REQUIRE(eventually([&] { return hosts.cluster->status(hosts.standby).role == "primary"; }));
  CHECK(posts.await_more(50));
  hosts.check_after_heal(posts);
  CHECK(hosts.cluster->primaries() == std::vector{hosts.standby});
  CHECK(hosts.cluster->status(hosts.primary).term > term);
}

TEST_CASE("masters that are both cut off from etcd forward on, and make no change") {
  Hosts hosts(1);
  if (!hosts) return;
  Load at_primary(hosts.cluster->listen(hosts.primary), 2);
  Load at_standby(hosts.cluster->listen(hosts.standby), 2);
  const auto term = hosts.cluster->status(hosts.primary).term;
  for (const auto& master : {hosts.primary, hosts.standby}) hosts.network->cut(master, "e0");
  REQUIRE(await_reachable(*hosts.cluster, hosts.primary, false));
  REQUIRE(await_reachable(*hosts.cluster, hosts.standby, false));
  const auto refused = hosts.cluster->tell(hosts.standby, "/v1/workers/w1/drain");
  CHECK(refused.status == 503);
  CHECK(is_in("etcd cannot be reached since 20", refused.body));
  REQUIRE(eventually([&] {  // etcd has forgotten who leads
    return hosts.etcd[0]->count("/tandem/test/leader") == 0;
  }));
  REQUIRE(at_primary.await_more(100));
  REQUIRE(at_standby.await_more(100));
  hosts.network->heal();
  REQUIRE(hosts.cluster->await_whole().empty());
  REQUIRE(hosts.await_change(hosts.primary));
  at_primary.stop();
  at_standby.stop();
  INFO(at_primary.first_failure() << at_standby.first_failure());
  CHECK(at_primary.failed() + at_standby.failed() == 0);
  const auto primaries = hosts.cluster->primaries();
  REQUIRE(primaries.size() == 1);
  CHECK(hosts.cluster->status(primaries.front()).term > term);
}

TEST_CASE("no request fails, and no answered change is lost, while members of etcd are cut off") {
  Hosts hosts(3);
  if (!hosts) return;
  Load load(hosts.cluster->listen(hosts.standby), 2);
  Changes changes(*hosts.cluster, {"w1"}, 11);
  changes.start();
  REQUIRE(changes.await_more(20));
  std::size_t leader = 0;
  while (leader < 2 && !hosts.etcd[leader]->leads()) ++leader;
  const auto name = hosts.names[leader];
  const auto next = hosts.names[(leader + 1) % 3];
  const auto last = hosts.names[(leader + 2) % 3];
  // The masters reach it all the time.
  hosts.network->cut(name, next);
  hosts.network->cut(name, last);
  REQUIRE(changes.await_more(20));
  hosts.network->heal();
  REQUIRE(changes.await_more(20));
  hosts.network->cut_one_way(name, next);
  hosts.network->cut_one_way(last, name);
  REQUIRE(changes.await_more(20));
  hosts.network->heal();
  REQUIRE(changes.await_more(20));
  hosts.network->cut_from_all(next);
  hosts.network->cut_one_way(hosts.primary, name);
  REQUIRE(changes.await_more(20));
  hosts.network->heal();
  REQUIRE(hosts.cluster->await_whole().empty());
  REQUIRE(changes.await_more(20));
  changes.stop();
  load.stop();
  INFO(load.first_failure());
  CHECK(load.failed() == 0);
  CHECK(changes.wrong().empty());
}

}  // namespace tandem::e2e::coordinator_cut_test
