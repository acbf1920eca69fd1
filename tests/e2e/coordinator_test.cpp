// Masters that a real etcd coordinates (--coordinator), and what happens when the one that leads is
// killed, frozen, stopped, or gives the lead away.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/e2e/coordinator_scene.hpp"
#include "tests/e2e/harness/changes.hpp"
#include "tests/e2e/harness/load.hpp"
#include "tests/e2e/upgradable_master.hpp"

namespace tandem::e2e::coordinator_test {
namespace {

// How many changes are kept behind a snapshot, and some.
constexpr int changes_for_snapshot = 1'050;

}  // namespace

TEST_CASE("masters that etcd coordinates replace a killed primary, and no request fails") {
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
  CHECK(eventually([&] { return cluster.status(first).is_protected; }));
  CHECK(cluster.status(second).voters.empty());
  REQUIRE(eventually([&] { return cluster.tell(second, "/v1/workers/w1/drain").status == 200; }));
  const auto term = cluster.status(first).term;

  Load load(cluster.listen(second), 4);
  REQUIRE(load.await_more(100));
  cluster.master(first).kill9();
  REQUIRE(eventually([&] { return cluster.primaries() == std::vector{second}; }));
  REQUIRE(load.await_more(100));
  load.stop();
  CHECK(load.failed() == 0);
  INFO(load.first_failure());
  CHECK(cluster.status(second).term > term);
  CHECK_FALSE(cluster.status(second).is_protected);
  // Heartbeats may be late on a busy machine.
  CHECK(eventually([&] { return cluster.status(second).workers.at("w1").state == "draining"; }));

  cluster.start_master(first);
  CHECK(eventually([&] { return cluster.ask(first, "/standby").status == 200; }));
  CHECK(eventually([&] { return cluster.status(first).workers.at("w1").state == "draining"; }));
}

TEST_CASE("a primary of etcd that was frozen stands by when it wakes up") {
  if (is_etcd_missing()) return;
  TempDir dir;
  EtcdServer etcd(dir, "e");
  etcd.start();
  REQUIRE(etcd.await_ready());
  PairCluster cluster(coordinated(coordinator_of(etcd)));
  cluster.start_worker("w1", PairCluster::Votes::no);
  REQUIRE(cluster.await_whole().empty());
  const auto first = cluster.await_primary();
  const auto second = cluster.standby_of(first);
  const auto term = cluster.status(first).term;
  Load load(cluster.listen(second), 2);
  REQUIRE(load.await_more(100));
  cluster.freeze(first);
  REQUIRE(eventually([&] { return cluster.status(second).role == "primary"; }));
  REQUIRE(load.await_more(100));
  cluster.thaw(first);
  REQUIRE(cluster.await_whole().empty());
  load.stop();
  CHECK(cluster.await_primary() == second);
  CHECK(cluster.status(first).term == cluster.status(second).term);
  CHECK(cluster.status(first).term > term);
}

TEST_CASE("no request fails when a primary of etcd gives the lead away, or is stopped") {
  if (is_etcd_missing()) return;
  TempDir dir;
  EtcdServer etcd(dir, "e");
  etcd.start();
  REQUIRE(etcd.await_ready());
  PairCluster cluster(coordinated(coordinator_of(etcd), {"a", "b", "c"}));
  cluster.start_worker("w1", PairCluster::Votes::no);
  REQUIRE(cluster.await_whole().empty());
  const auto first = cluster.await_primary();
  const auto second = cluster.standby_of(first);
  Load load(cluster.listen(second), 2);
  REQUIRE(load.await_more(100));
  const auto body = fmt::format(R"({{"to":"{}"}})", second);
  REQUIRE(cluster.tell(first, "/v1/switchover", body).status == 200);
  CHECK(cluster.await_primary() == second);
  REQUIRE(load.await_more(100));
  REQUIRE(cluster.tell(second, "/v1/switchover", fmt::format(R"({{"to":"{}"}})", first)).status ==
          200);
  CHECK(cluster.await_primary() == first);
  cluster.master(first).terminate();
  REQUIRE(cluster.master(first).await_exit() == 0);
  REQUIRE(eventually([&] { return cluster.primaries().size() == 1; }));
  REQUIRE(load.await_more(100));
  load.stop();
  INFO(load.first_failure());
  CHECK(load.failed() == 0);
}

TEST_CASE("the histories of changes are linearisable, whatever happens to primaries and etcd") {
  if (is_etcd_missing()) return;
  TempDir dir;
  EtcdServer etcd(dir, "e");
  etcd.start();
  REQUIRE(etcd.await_ready());
  PairCluster cluster(coordinated(coordinator_of(etcd)));
  cluster.start_worker("w1", PairCluster::Votes::no);
  REQUIRE(cluster.await_whole().empty());
  Changes changes(cluster, {"w1"}, 7);
  changes.start();
  REQUIRE(changes.await_more(50));
  const auto first = cluster.await_primary();
  cluster.master(first).kill9();
  REQUIRE(changes.await_more(50));
  cluster.start_master(first);
  REQUIRE(cluster.await_whole().empty());
  const auto second = cluster.await_primary();
  cluster.freeze(second);
  REQUIRE(changes.await_more(10));  // those who ask it wait for long
  cluster.thaw(second);
  REQUIRE(changes.await_more(50));
  etcd.process().kill9();  // with changes on their way
  REQUIRE(await_reachable(cluster, first, false));
  etcd.start();
  REQUIRE(changes.await_more(50));
  etcd.process().freeze();
  REQUIRE(await_reachable(cluster, first, false));
  etcd.process().thaw();
  REQUIRE(changes.await_more(50));
  changes.stop();
  REQUIRE(cluster.await_whole().empty());
  CHECK(changes.wrong().empty());
}

TEST_CASE("many changes become a snapshot in etcd, from which a master begins") {
  if (is_etcd_missing()) return;
  TempDir dir;
  EtcdServer etcd(dir, "e");
  etcd.start();
  REQUIRE(etcd.await_ready());
  PairCluster cluster(coordinated(coordinator_of(etcd)));
  cluster.start_worker("w1", PairCluster::Votes::no);
  REQUIRE(cluster.await_whole().empty());
  const auto first = cluster.await_primary();
  const auto second = cluster.standby_of(first);
  cluster.master(second).kill9();
  Client client(cluster.control(first));
  for (int i = 1; i <= changes_for_snapshot; ++i) {
    const auto body = fmt::format(R"({{"weight":{}}})", 1 + i % 100);
    // On a busy machine etcd may not answer for a second.
    REQUIRE(eventually([&] { return client.post("/v1/workers/w1/weight", body).status == 200; }));
  }
  const auto index = [&] {
    return nlohmann::json::parse(get(cluster.control(first), "/status").body).at("commit_index");
  };
  REQUIRE(eventually([&] { return etcd.count("/tandem/test/state") == 1; }));
  REQUIRE(eventually([&] { return etcd.count("/tandem/test/changes/") < changes_for_snapshot; }));
  const auto committed = index();
  cluster.start_master(second);
  REQUIRE(cluster.await_whole().empty());
  CHECK(nlohmann::json::parse(get(cluster.control(second), "/status").body).at("commit_index") >=
        committed);
  cluster.master(first).kill9();
  REQUIRE(eventually([&] { return cluster.primaries() == std::vector{second}; }));
  CHECK(eventually([&] {
    return cluster.tell(second, "/v1/workers/w1/weight", R"({"weight":7})").status == 200;
  }));
}

TEST_CASE("masters speak TLS with etcd, and show it a certificate") {
  if (is_etcd_missing()) return;
  TempDir dir;
  const PrivateAuthority authority(dir, "authority");
  const auto own = authority.issue("master", "DNS:master");
  EtcdServer etcd(dir, "e");
  etcd.secure(authority, authority.issue("etcd", "IP:127.0.0.1"), AsksClients::for_certificates);
  etcd.start();
  REQUIRE(etcd.await_ready());
  const auto where = fmt::format("etcd=https://{},ca={},cert={},key={}", etcd.address(),
                                 authority.certificate(), own.certificate, own.key);
  PairCluster cluster(coordinated(where));
  cluster.start_worker("w1", PairCluster::Votes::no);
  REQUIRE(cluster.await_whole().empty());
  CHECK(get(cluster.listen("b"), "/").status == 200);
}

TEST_CASE("a sixth master of etcd that is given the lead is one that workers know") {
  if (is_etcd_missing()) return;
  TempDir dir;
  EtcdServer etcd(dir, "e");
  etcd.start();
  REQUIRE(etcd.await_ready());
  std::map<std::string, std::string> controls;
  std::map<std::string, std::string> listens;
  std::vector<std::unique_ptr<Process>> processes;
  for (const auto* const name : {"a", "b", "c", "d", "e", "f"}) {
    controls[name] = free_address();
    processes.push_back(std::make_unique<Process>(
        dir, name,
        Arguments{program("tandem-master"), "--node", name, "--control", controls[name], "--listen",
                  "127.0.0.1:0", "--coordinator", coordinator_of(etcd), "--cluster", "test"}));
    listens[name] = field_of(processes.back()->await_line("tandem-master ready"), "listen");
  }
  processes.push_back(
      std::make_unique<Process>(dir, "w1",
                                Arguments{program("tandem-worker"), "--name", "w1", "--listen",
                                          "127.0.0.1:0", "--master", controls["a"]}));
  const auto knows_w1 = [&](const std::string& name) {
    const auto answer = get(controls[name], "/status");
    if (answer.status != 200) return false;
    const auto workers = nlohmann::json::parse(answer.body).at("workers");
    return !workers.empty() && workers.at(0).at("state") == "up";
  };
  std::string sixth;
  REQUIRE(eventually([&] {
    std::size_t count = 0;
    for (const auto& [name, control] : controls) knows_w1(name) ? ++count : (sixth = name, 0);
    return count == 5 && get(controls[sixth], "/standby").status == 200;
  }));
  REQUIRE(eventually([&] {
    for (const auto& [name, control] : controls) {
      if (get(control, "/primary").status != 200) continue;
      const auto body = fmt::format(R"({{"to":"{}"}})", sixth);
      return post(control, "/v1/switchover", body).status == 200;
    }
    return false;
  }));
  CHECK(eventually([&] { return get(listens[sixth], "/").status == 200; }));
  CHECK(get(controls[sixth], "/primary").status == 200);
}

TEST_CASE("an upgrade of a primary of etcd gives the lead away first, and no request fails") {
  if (is_etcd_missing()) return;
  TempDir dir;
  EtcdServer etcd(dir, "e");
  etcd.start();
  REQUIRE(etcd.await_ready());
  const Arguments coordinator{"--coordinator", coordinator_of(etcd), "--cluster", "test"};
  UpgradableMaster master(coordinator, "127.0.0.1:0", free_address());
  const auto role_at = [](const std::string& control) {
    const auto answer = get(control, "/status");
    return answer.status == 200 ? nlohmann::json::parse(answer.body).at("role") : "none";
  };
  REQUIRE(eventually([&] { return role_at(master.control()) == "primary"; }));
  const auto refused = master.upgrade();
  CHECK(refused.status != 0);
  CHECK(is_in("no other master can lead meanwhile", refused.errors));

  const auto control = free_address();
  Arguments command{
      program("tandem-master"), "--node", "b", "--control", control, "--listen", "127.0.0.1:0"};
  command.insert(command.end(), coordinator.begin(), coordinator.end());
  Process other(dir, "b", command);
  REQUIRE(eventually([&] { return get(control, "/standby").status == 200; }));
  REQUIRE(eventually([&] {
    const auto status = nlohmann::json::parse(get(control, "/status").body);
    return status.at("workers").size() == 2;
  }));
  REQUIRE(eventually(
      [&] { return is_in(R"("name":"b")", get(master.control(), "/v1/masters").body); }));
  Load load(master.listen(), 2);
  REQUIRE(load.await_more(100));
  const auto before = master.process();
  const auto upgraded = master.upgrade();
  INFO(upgraded.errors);
  REQUIRE(upgraded.status == 0);
  REQUIRE(master.await_end(before));
  CHECK(role_at(control) == "primary");
  REQUIRE(eventually([&] { return get(master.control(), "/standby").status == 200; }));
  REQUIRE(load.await_more(100));
  load.stop();
  INFO(load.first_failure());
  CHECK(load.failed() == 0);
}

}  // namespace tandem::e2e::coordinator_test
