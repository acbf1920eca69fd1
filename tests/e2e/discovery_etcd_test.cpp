// Workers from etcd, the real one of Debian: one member that is killed, frozen, restarted empty and
// compacted, and three of which some are lost.
#include <map>
#include <memory>
#include <optional>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "master/discovery/base64.hpp"
#include "tests/e2e/discovery_scene.hpp"
#include "tests/e2e/etcd_server.hpp"
#include "tests/e2e/private_authority.hpp"

namespace tandem::e2e::discovery_etcd_test {
namespace {

using master::to_base64;

void list(const EtcdServer& etcd, const ListedServer& server, const std::string& lease = "0") {
  etcd.put("shop/" + server.address(),
           fmt::format(R"({{"Op":0,"Addr":"{}","Metadata":null}})", server.address()), lease);
}
void remove(const EtcdServer& etcd, const ListedServer& server) {
  etcd.remove("shop/" + server.address());
}

bool is_up(const Cluster& cluster, const ListedServer& server) {
  return eventually([&] { return cluster.state_of(server.worker()) == "up"; });
}
bool is_gone(const Cluster& cluster, const ListedServer& server) {
  return eventually([&] { return cluster.state_of(server.worker()) == "unknown"; });
}

}  // namespace

TEST_CASE("keys of etcd are workers as long as they are there, and their leases last") {
  if (is_etcd_missing()) return;
  TempDir dir;
  EtcdServer etcd(dir, "e");
  etcd.start();
  REQUIRE(etcd.await_ready());
  ListedServer one("one");
  ListedServer two("two");
  list(etcd, one);
  etcd.put("shopping/x", "127.0.0.1:1");  // of another prefix
  etcd.put("shop/odd", "nonsense");
  Cluster cluster(discovering("default=etcd:" + etcd.address() + "/shop"));
  REQUIRE(is_up(cluster, one));
  CHECK(get(cluster.listen(), "/").body == "one");
  CHECK(cluster.workers().size() == 1);
  CHECK(source_of(cluster.control()).at("skipped") == 1);
  list(etcd, two, etcd.lease(2));
  REQUIRE(is_up(cluster, two));
  REQUIRE(is_gone(cluster, two));  // nobody keeps the lease alive
  list(etcd, two);
  REQUIRE(is_up(cluster, two));
  remove(etcd, one);
  REQUIRE(is_gone(cluster, one));
  CHECK(get(cluster.listen(), "/").body == "two");
}

TEST_CASE("etcd is asked over TLS, and shown a certificate") {
  if (is_etcd_missing()) return;
  TempDir dir;
  const PrivateAuthority authority(dir, "authority");
  const auto own = authority.issue("master", "DNS:master");
  EtcdServer etcd(dir, "e");
  etcd.secure(authority, authority.issue("etcd", "IP:127.0.0.1"), AsksClients::for_certificates);
  etcd.start();
  REQUIRE(etcd.await_ready());
  ListedServer one("one");
  ListedServer two("two");
  list(etcd, one);
  const auto where =
      fmt::format("default=etcd:https://{}/shop,ca={}", etcd.address(), authority.certificate());
  {
    Cluster stranger(discovering(where));
    REQUIRE(await_source(stranger.control(), "lost"));
  }
  Cluster cluster(discovering(fmt::format("{},cert={},key={}", where, own.certificate, own.key)));
  REQUIRE(is_up(cluster, one));
  list(etcd, two);
  REQUIRE(is_up(cluster, two));
}

TEST_CASE("etcd is told a password, which may be replaced") {
  if (is_etcd_missing()) return;
  TempDir dir;
  const PrivateAuthority authority(dir, "authority");
  EtcdServer etcd(dir, "e");
  etcd.secure(authority, authority.issue("etcd", "IP:127.0.0.1"), AsksClients::for_nothing);
  etcd.start();
  REQUIRE(etcd.await_ready());
  ListedServer one("one");
  ListedServer two("two");
  list(etcd, one);
  list(etcd, two, etcd.lease(5));
  const auto password = dir.write("password", "not-that\n");
  run({"chmod", "600", password});
  REQUIRE(etcd.ask("auth/user/add", R"({"name":"root","password":"open-sesame"})").status == 200);
  REQUIRE(etcd.ask("auth/role/add", R"({"name":"root"})").status == 200);
  REQUIRE(etcd.ask("auth/user/grant", R"({"user":"root","role":"root"})").status == 200);
  REQUIRE(etcd.ask("auth/enable", "{}").status == 200);
  Cluster cluster(
      discovering(fmt::format("default=etcd:https://{}/shop,ca={},user=root,password={}",
                              etcd.address(), authority.certificate(), password)));
  REQUIRE(await_source(cluster.control(), "lost"));
  CHECK_FALSE(is_in("not-that", cluster.master().errors()));
  dir.write("password", "open-sesame\n");
  REQUIRE(is_up(cluster, one));
  REQUIRE(is_gone(cluster, two));  // with its lease, which a watch tells
}

TEST_CASE(
    "an etcd that is killed takes no worker away, and one that starts empty is believed late") {
  if (is_etcd_missing()) return;
  TempDir dir;
  EtcdServer etcd(dir, "e");
  etcd.start();
  REQUIRE(etcd.await_ready());
  ListedServer one("one");
  list(etcd, one);
  Cluster cluster(discovering("default=etcd:" + etcd.address() + "/shop"));
  REQUIRE(is_up(cluster, one));
  etcd.process().kill9();
  REQUIRE(await_source(cluster.control(), "lost"));
  CHECK(cluster.state_of(one.worker()) == "up");
  etcd.start();
  REQUIRE(await_source(cluster.control(), "read"));
  CHECK(cluster.state_of(one.worker()) == "up");
  etcd.process().kill9();
  REQUIRE(await_source(cluster.control(), "lost"));
  etcd.start_empty();
  REQUIRE(await_source(cluster.control(), "doubted"));
  CHECK(cluster.state_of(one.worker()) == "up");
  REQUIRE(is_gone(cluster, one));
  list(etcd, one);
  REQUIRE(is_up(cluster, one));
}

TEST_CASE("a master that starts while etcd is away has the workers that it had") {
  if (is_etcd_missing()) return;
  TempDir dir;
  EtcdServer etcd(dir, "e");
  etcd.start();
  REQUIRE(etcd.await_ready());
  ListedServer one("one");
  list(etcd, one);
  Cluster cluster(discovering("default=etcd:" + etcd.address() + "/shop"));
  REQUIRE(is_up(cluster, one));
  etcd.process().kill9();
  cluster.master().terminate();
  REQUIRE(cluster.master().await_exit() == 0);
  cluster.start_master_again();
  REQUIRE(is_up(cluster, one));
  REQUIRE(await_source(cluster.control(), "lost"));
  CHECK(cluster.state_of(one.worker()) == "up");
}

TEST_CASE("changes that etcd has compacted away are read as a list") {
  if (is_etcd_missing()) return;
  TempDir dir;
  EtcdServer etcd(dir, "e");
  etcd.start();
  REQUIRE(etcd.await_ready());
  ListedServer one("one");
  ListedServer two("two");
  list(etcd, one);
  Cluster cluster(discovering("default=etcd:" + etcd.address() + "/shop"));
  REQUIRE(is_up(cluster, one));
  // Between a list and the watch behind it there is time for all of that.
  for (int round = 0; round < 60; ++round) {
    etcd.put("shop/busy", fmt::format("127.0.0.1:{}", 1 + round % 2));
    const auto revision = etcd.put("other", "x");
    REQUIRE(etcd.ask("kv/compaction", fmt::format(R"({{"revision":"{}"}})", revision)).status ==
            200);
  }
  list(etcd, two);
  REQUIRE(is_up(cluster, two));
  CHECK(cluster.state_of(one.worker()) == "up");
}

TEST_CASE("of three members of etcd one may be lost, and without a quorum the workers stay") {
  if (is_etcd_missing()) return;
  TempDir dir;
  const std::vector<std::string> peers{free_address(), free_address(), free_address()};
  const auto members =
      fmt::format("e0=http://{},e1=http://{},e2=http://{}", peers[0], peers[1], peers[2]);
  std::vector<std::unique_ptr<EtcdServer>> etcd;
  for (int i = 0; i < 3; ++i) {
    etcd.push_back(std::make_unique<EtcdServer>(dir, fmt::format("e{}", i), peers.at(i), members));
    etcd.back()->start();
  }
  for (const auto& each : etcd) REQUIRE(each->await_ready());
  ListedServer one("one");
  ListedServer two("two");
  list(*etcd[0], one);
  Cluster cluster(discovering(fmt::format("default=etcd:{},{},{}/shop", etcd[0]->address(),
                                          etcd[1]->address(), etcd[2]->address())));
  REQUIRE(is_up(cluster, one));
  // The one that is watched says nothing any more.
  etcd[0]->process().freeze();
  REQUIRE(eventually([&] {
    return etcd[1]
               ->ask("kv/put",
                     fmt::format(R"({{"key":"{}","value":"{}"}})",
                                 to_base64("shop/" + two.address()), to_base64(two.address())))
               .status == 200;
  }));
  REQUIRE(is_up(cluster, two));
  CHECK(cluster.state_of(one.worker()) == "up");
  etcd[1]->process().kill9();
  REQUIRE(await_source(cluster.control(), "lost"));
  CHECK(cluster.state_of(one.worker()) == "up");
  CHECK(cluster.state_of(two.worker()) == "up");
  etcd[0]->process().thaw();
  REQUIRE(await_source(cluster.control(), "read"));
  CHECK(cluster.workers().size() == 2);
}

}  // namespace tandem::e2e::discovery_etcd_test
