// Clients of a real load balancer, in front of two masters, survive a kill of the primary.
#include "tests/e2e/harness/load_balancer.hpp"

#include <catch2/catch.hpp>

#include "tests/e2e/harness/load.hpp"
#include "tests/e2e/harness/posts.hpp"

namespace tandem::e2e::load_balancer_test {
namespace {

void survive(LoadBalancer::Kind kind) {
  if (!LoadBalancer::is_installed(kind)) {
    WARN("skipped: it is not installed (scripts/install-packages.sh servers)");
    return;
  }
  PairClusterOptions options;
  options.recording = true;
  options.arguments = {"--access-log", "-"};
  PairCluster cluster(options);
  cluster.start_workers({"w1", "w2"});
  LoadBalancer balancer(kind, cluster);
  Load load(balancer.address(), 4, "/", Load::WhenClosed::asks_again);
  Posts posts({balancer.address()}, 4);
  const auto goes_on = [&] { return load.await_more(200) && posts.await_more(100); };
  const auto is_used_again = [&](const std::string& master) {
    if (kind == LoadBalancer::Kind::nginx)
      return cluster.master(master).output().find("\"method\"") != std::string::npos;
    const auto told = balancer.process().errors();
    const auto line = "Server masters/" + master + " is ";
    const auto last = told.rfind(line);
    return last == std::string::npos || told.compare(last + line.size(), 2, "UP") == 0;
  };
  REQUIRE(goes_on());
  for (int round = 0; round < 2; ++round) {  // each of the two, once
    const auto primary = cluster.await_primary();
    cluster.master(primary).kill9();
    CHECK(eventually(
        [&] { return cluster.primaries() == std::vector{cluster.standby_of(primary)}; }));
    CHECK(goes_on());
    cluster.start_master(primary);
    REQUIRE(cluster.await_whole() == "");
    // The other dies only when the balancer counts on this one again.
    CHECK(eventually([&] { return is_used_again(primary); }));
    CHECK(goes_on());
  }
  REQUIRE(cluster.tell(cluster.await_primary(), "/v1/switchover").status == 200);
  CHECK(goes_on());
  load.stop();
  posts.stop();
  CHECK(load.first_failure() == "");
  CHECK(posts.wrong(cluster.posts_executed()) == "");
}

}  // namespace

TEST_CASE("no GET through HAProxy fails and no POST is executed twice when the primary is killed") {
  survive(LoadBalancer::Kind::haproxy);
}

TEST_CASE("no GET through nginx fails and no POST is executed twice when the primary is killed") {
  survive(LoadBalancer::Kind::nginx);
}

TEST_CASE("the checks of HAProxy see one primary") {
  if (!LoadBalancer::is_installed(LoadBalancer::Kind::haproxy)) {
    WARN("skipped: it is not installed (scripts/install-packages.sh servers)");
    return;
  }
  PairCluster cluster;
  cluster.start_workers({"w1"});
  LoadBalancer balancer(LoadBalancer::Kind::haproxy, cluster);
  // What it says when a check changes a server's state.
  const auto told = [&](const std::string& line) {
    return eventually([&] { return balancer.process().errors().find(line) != std::string::npos; });
  };
  const auto primary = cluster.await_primary();
  const auto standby = cluster.standby_of(primary);
  CHECK(told("Server primary/" + standby + " is DOWN"));
  REQUIRE(cluster.tell(primary, "/v1/switchover").status == 200);
  CHECK(told("Server primary/" + standby + " is UP"));
  CHECK(told("Server primary/" + primary + " is DOWN"));
}

}  // namespace tandem::e2e::load_balancer_test
