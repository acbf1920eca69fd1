// What masters do while etcd, which coordinates them, does not answer: they forward on, refuse
// changes with the reason, and recover by themselves.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/e2e/coordinator_scene.hpp"
#include "tests/e2e/harness/load.hpp"

namespace tandem::e2e::coordinator_outage_test {
namespace {

// Beyond the end of any lease that there was.
constexpr Milliseconds beyond_leases{5'000};

// The coordinator is away for longer than a lease lasts, according to that master.
bool await_long_outage(const PairCluster& cluster, const std::string& master) {
  return eventually([&] {
    const auto known = coordinator_at(cluster, master);
    const bool is_away = !known.is_null() && known.at("reachable") == false;
    return is_away && known.at("unreachable_ms") > beyond_leases.count();
  });
}

void is_refused_with_the_reason(const PairCluster& cluster, const std::string& master) {
  const auto refused = cluster.tell(master, "/v1/workers/w1/drain");
  CHECK(refused.status == 503);
  CHECK(is_in("etcd cannot be reached since 20", refused.body));
  CHECK(is_in("nothing was changed", refused.body));
  const auto status = cluster.status(master);
  CHECK_FALSE(status.is_protected);
  CHECK(is_in("etcd cannot be reached since 20", status.protection));
  CHECK(cluster.ask(master, "/standby").status == 503);
}

}  // namespace

TEST_CASE("no request fails while etcd is frozen, or killed, and changes are refused meanwhile") {
  if (is_etcd_missing()) return;
  TempDir dir;
  EtcdServer etcd(dir, "e");
  etcd.start();
  REQUIRE(etcd.await_ready());
  PairCluster cluster(coordinated(coordinator_of(etcd)));
  cluster.start_worker("w1", PairCluster::Votes::no);
  cluster.start_worker("w2", PairCluster::Votes::no);
  REQUIRE(cluster.await_whole().empty());
  const auto first = cluster.await_primary();
  const auto second = cluster.standby_of(first);
  Load at_first(cluster.listen(first), 2);
  Load at_second(cluster.listen(second), 2);
  for (const bool is_killed : {false, true}) {
    is_killed ? etcd.process().kill9() : etcd.process().freeze();
    REQUIRE(await_long_outage(cluster, first));
    REQUIRE(await_long_outage(cluster, second));
    is_refused_with_the_reason(cluster, first);
    is_refused_with_the_reason(cluster, second);
    CHECK(cluster.primaries().size() == 1);
    REQUIRE(at_first.await_more(100));
    REQUIRE(at_second.await_more(100));
    is_killed ? etcd.start() : etcd.process().thaw();
    REQUIRE(cluster.await_whole().empty());
    REQUIRE(eventually([&] { return cluster.tell(first, "/v1/workers/w1/drain").status == 200; }));
    REQUIRE(
        eventually([&] { return cluster.tell(second, "/v1/workers/w1/undrain").status == 200; }));
  }
  at_first.stop();
  at_second.stop();
  INFO(at_first.first_failure());
  CHECK(at_first.failed() == 0);
  INFO(at_second.first_failure());
  CHECK(at_second.failed() == 0);
}

TEST_CASE("the leader of three members of etcd may be lost, and without a quorum requests go on") {
  if (is_etcd_missing()) return;
  TempDir dir;
  const auto etcd = three_of_etcd(dir);
  PairCluster cluster(coordinated(
      fmt::format("etcd={},{},{}", etcd[0]->address(), etcd[1]->address(), etcd[2]->address())));
  cluster.start_worker("w1", PairCluster::Votes::no);
  cluster.start_worker("w2", PairCluster::Votes::no);
  REQUIRE(cluster.await_whole().empty());
  const auto first = cluster.await_primary();
  Load load(cluster.listen(first), 2);
  REQUIRE(load.await_more(100));
  std::size_t leader = 0;
  while (leader < 2 && !etcd[leader]->leads()) ++leader;
  etcd[leader]->process().kill9();
  REQUIRE(eventually([&] { return cluster.tell(first, "/v1/workers/w1/drain").status == 200; }));
  REQUIRE(eventually([&] { return cluster.tell(first, "/v1/workers/w1/undrain").status == 200; }));
  etcd[(leader + 1) % 3]->process().freeze();
  REQUIRE(await_long_outage(cluster, first));
  CHECK(cluster.tell(first, "/v1/workers/w1/drain").status == 503);
  REQUIRE(load.await_more(100));
  etcd[(leader + 1) % 3]->process().thaw();
  REQUIRE(cluster.await_whole().empty());
  REQUIRE(load.await_more(100));
  load.stop();
  INFO(load.first_failure());
  CHECK(load.failed() == 0);
}

TEST_CASE("masters of etcd elect anew when the key of the one that leads is taken away") {
  if (is_etcd_missing()) return;
  TempDir dir;
  EtcdServer etcd(dir, "e");
  etcd.start();
  REQUIRE(etcd.await_ready());
  PairCluster cluster(coordinated(coordinator_of(etcd)));
  cluster.start_worker("w1", PairCluster::Votes::no);
  REQUIRE(cluster.await_whole().empty());
  // Whoever held the lease loses it, as if it had not been renewed.
  const auto first = cluster.await_primary();
  const auto term = cluster.status(first).term;
  etcd.remove("/tandem/test/leader");
  REQUIRE(eventually([&] {
    const auto primaries = cluster.primaries();
    return primaries.size() == 1 && cluster.status(primaries.front()).term > term;
  }));
  REQUIRE(cluster.await_whole().empty());
}

TEST_CASE("an etcd that has lost everything ends no service, nor do the masters that begin anew") {
  if (is_etcd_missing()) return;
  TempDir dir;
  EtcdServer etcd(dir, "e");
  etcd.start();
  REQUIRE(etcd.await_ready());
  PairCluster cluster(coordinated(coordinator_of(etcd)));
  cluster.start_worker("w1", PairCluster::Votes::no);
  cluster.start_worker("w2", PairCluster::Votes::no);
  REQUIRE(cluster.await_whole().empty());
  const auto first = cluster.await_primary();
  const auto second = cluster.standby_of(first);
  Load at_first(cluster.listen(first), 2);
  Load at_second(cluster.listen(second), 2);
  REQUIRE(at_second.await_more(100));
  etcd.process().kill9();
  etcd.start_empty();
  const auto says_so = [&](const std::string& master) {
    return is_in("etcd has lost what it held", cluster.status(master).protection);
  };
  REQUIRE(eventually([&] { return says_so(first) && says_so(second); }));
  CHECK(cluster.primaries() == std::vector{first});
  const auto refused = cluster.tell(first, "/v1/workers/w1/drain");
  CHECK(refused.status == 503);
  CHECK(is_in("nothing was changed", refused.body));
  REQUIRE(at_first.await_more(200));
  REQUIRE(at_second.await_more(200));
  at_second.stop();
  CHECK(at_second.failed() == 0);
  cluster.master(second).terminate();
  REQUIRE(cluster.master(second).await_exit() == 0);
  cluster.start_master(second);
  REQUIRE(eventually([&] { return cluster.primaries() == std::vector{second}; }));
  REQUIRE(at_first.await_more(200));  // passed on
  at_first.stop();
  INFO(at_first.first_failure());
  CHECK(at_first.failed() == 0);
  cluster.master(first).terminate();
  REQUIRE(cluster.master(first).await_exit() == 0);
  cluster.start_master(first);
  REQUIRE(cluster.await_whole().empty());
  CHECK(eventually([&] { return cluster.tell(first, "/v1/workers/w1/drain").status == 200; }));
}

TEST_CASE("an etcd that is full ends no service, and masters say so until it has room again") {
  if (is_etcd_missing()) return;
  TempDir dir;
  EtcdServer etcd(dir, "e");
  etcd.set_quota(3'000'000);
  etcd.start();
  REQUIRE(etcd.await_ready());
  PairCluster cluster(coordinated(coordinator_of(etcd)));
  cluster.start_worker("w1", PairCluster::Votes::no);
  REQUIRE(cluster.await_whole().empty());
  const auto first = cluster.await_primary();
  const auto second = cluster.standby_of(first);
  Load load(cluster.listen(second), 2);
  const auto text = master::to_base64(std::string(200'000, 'x'));
  bool is_full = false;
  for (int i = 0; i < 100 && !is_full; ++i) {
    const auto key = master::to_base64(fmt::format("others/{}", i));
    is_full =
        etcd.ask("kv/put", fmt::format(R"({{"key":"{}","value":"{}"}})", key, text)).status != 200;
  }
  REQUIRE(is_full);
  const auto says_so = [&](const std::string& master) {
    return is_in("database space exceeded", cluster.status(master).protection);
  };
  REQUIRE(eventually([&] { return says_so(first) && says_so(second); }));
  const auto refused = cluster.tell(second, "/v1/workers/w1/drain");
  CHECK(refused.status == 503);
  CHECK(is_in("database space exceeded", refused.body));
  REQUIRE(load.await_more(100));
  REQUIRE(etcd.ask("kv/deleterange", EtcdServer::range_of("others/")).status == 200);
  etcd.make_room();
  REQUIRE(cluster.await_whole().empty());
  load.stop();
  CHECK(eventually([&] { return cluster.tell(second, "/v1/workers/w1/drain").status == 200; }));
  INFO(load.first_failure());
  CHECK(load.failed() == 0);
}

}  // namespace tandem::e2e::coordinator_outage_test
