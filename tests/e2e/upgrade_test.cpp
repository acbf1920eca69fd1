// Masters of two versions in one cluster: the older one is this version held at the older level.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "common/wire/features.hpp"
#include "tests/e2e/harness/load.hpp"
#include "tests/e2e/harness/pair_cluster.hpp"

namespace tandem::e2e::upgrade_test {
namespace {

const Arguments older{"--feature-level", "1"};
const auto newest = static_cast<unsigned>(tandem::wire::features::newest.value());

PairClusterOptions three_older_masters() {
  PairClusterOptions options;
  options.masters = {"a", "b", "c"};
  options.arguments = older;
  return options;
}

// Restarts it as the version that the arguments say, while the load asks the others.
void restart(PairCluster& cluster, const std::string& name, const Arguments& arguments) {
  cluster.master(name).terminate();
  REQUIRE(cluster.master(name).await_exit() == 0);
  cluster.set_arguments(arguments);
  cluster.start_master(name);
  CHECK(cluster.await_whole() == "");
}

bool await_level(const PairCluster& cluster, unsigned level) {
  return eventually([&] {
    for (const auto& name : cluster.names()) {
      if (cluster.status(name).feature_level != level) return false;
    }
    return true;
  });
}

}  // namespace

TEST_CASE("masters are upgraded one by one without a failed request, and the level rises at last") {
  PairCluster cluster(three_older_masters());
  cluster.start_workers({"w1", "w2"});
  CHECK(await_level(cluster, 1));
  for (const auto& name : cluster.names()) {
    const auto other = cluster.standby_of(name);
    Load load(cluster.listen(other), 2);
    REQUIRE(load.await_more(20));
    CHECK(await_level(cluster, 1));
    restart(cluster, name, {});
    // Whoever leads and whoever is asked: what is decided is decided for both versions.
    CHECK(cluster.tell(name, "/v1/workers/w1/weight", R"({"weight":50})").status == 200);
    CHECK(cluster.tell(other, "/v1/workers/w1/weight", R"({"weight":60})").status == 200);
    CHECK(load.await_more(20));
    load.stop();
    CHECK(load.first_failure() == "");
  }
  CHECK(await_level(cluster, newest));
  CHECK(cluster.await_whole() == "");
}

TEST_CASE("a new cluster is at the newest level at once, and stays there after a restart") {
  PairCluster cluster;
  cluster.start_workers({"w1"});
  CHECK(await_level(cluster, newest));
  for (const auto& name : cluster.names()) restart(cluster, name, {});
  CHECK(await_level(cluster, newest));
}

TEST_CASE("a master held below the level of its cluster does not start, and says why") {
  PairCluster cluster;
  cluster.start_workers({"w1"});
  REQUIRE(await_level(cluster, newest));
  cluster.master("b").terminate();
  REQUIRE(cluster.master("b").await_exit() == 0);
  cluster.set_arguments(older);
  cluster.launch_master("b");
  CHECK(cluster.master("b").await_exit() == 2);
  CHECK_THAT(cluster.master("b").errors(),
             Catch::Contains(fmt::format(
                 "it is of feature level {}; this one supports levels up to 1", newest)) &&
                 Catch::Contains("run the version that wrote it"));
}

}  // namespace tandem::e2e::upgrade_test
