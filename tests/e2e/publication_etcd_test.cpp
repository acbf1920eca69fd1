// Workers as keys of etcd, the real one of Debian: which are there, before what is answered they
// are gone, and that they stay when masters die and etcd loses them.
#include <chrono>
#include <csignal>
#include <thread>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/e2e/etcd_server.hpp"
#include "tests/e2e/private_authority.hpp"
#include "tests/e2e/publication_scene.hpp"

namespace tandem::e2e::publication_etcd_test {
namespace {

class Etcd {
 public:
  Etcd() : server_(dir_, "e") {
    server_.start();
    REQUIRE(server_.await_ready());
  }
  EtcdServer* operator->() { return &server_; }
  std::string flag(const std::string& more = {}) const {
    return "etcd=" + server_.address() + "/services" + more;
  }
  bool await(const std::string& key) const {
    return eventually([&] { return server_.has(key); });
  }
  bool await_gone(const std::string& key) const {
    return eventually([&] {
      return server_.ask("kv/range", R"({"key":"eA=="})").status == 200 && !server_.has(key);
    });
  }

 private:
  TempDir dir_;
  EtcdServer server_;
};

std::string key_of(const Cluster& cluster, const std::string& worker) {
  return "services/default/" + address_of(cluster, worker);
}

std::vector<std::string> keys_of(const PairCluster& cluster, const std::string& primary) {
  std::vector<std::string> keys;
  for (const auto& [name, worker] : cluster.status(primary).workers) {
    keys.push_back("services/default/" + worker.address);
  }
  return keys;
}

// Kills or stops the primary, and looks until its lease is over.
template <class Act>
void check_that_keys_stay(Act act) {
  Etcd etcd;
  PairCluster cluster(publishing(etcd.flag()));
  cluster.start_workers({"w1", "w2"});
  const auto primary = cluster.await_primary();
  const auto keys = keys_of(cluster, primary);
  REQUIRE(keys.size() == 2);
  for (const auto& key : keys) REQUIRE(etcd.await(key));
  const auto before = etcd->keys("services/");
  act(cluster, primary);
  REQUIRE(eventually([&] {
    const auto now = etcd->keys("services/");
    return now.size() == 2 && now.at(keys[0]).lease != before.at(keys[0]).lease &&
           now.at(keys[1]).lease != before.at(keys[1]).lease;
  }));
  std::this_thread::sleep_for(past_a_lease);
  const auto after = etcd->keys("services/");
  REQUIRE(after.size() == 2);
  for (const auto& key : keys) CHECK(after.at(key).created == before.at(key).created);
  // A machine that stood still may have brought forth a third one.
  CHECK(eventually([&] {
    const auto leader = cluster.await_primary();
    return publication_of(cluster.control(leader)).at("state") == "written";
  }));
}

}  // namespace

TEST_CASE("a worker is a key of etcd as long as it is up, in the format of etcd's Go client") {
  if (is_etcd_missing()) return;
  Etcd etcd;
  Cluster cluster({"--publish", etcd.flag()});
  cluster.start_workers({"w1", "w2"});
  const auto one = key_of(cluster, "w1");
  const auto two = key_of(cluster, "w2");
  REQUIRE(etcd.await(one));
  REQUIRE(etcd.await(two));
  const auto key = etcd->keys(one).at(one);
  const auto value = Json::parse(key.value);
  CHECK(value.at("Op") == 0);
  CHECK(value.at("Addr") == address_of(cluster, "w1"));
  CHECK(value.at("Metadata").is_string());  // gRPC's client in Go panics at objects
  CHECK_FALSE(key.lease.empty());
  REQUIRE(eventually([&] { return publication_of(cluster.control()).at("entries") == 2; }));
  CHECK(is_in("tandem_publication_entries{", get(cluster.control(), "/metrics").body));
  cluster.worker("w1").kill9();
  REQUIRE(etcd.await_gone(one));
  CHECK(etcd->has(two));
  cluster.worker("w1").await_exit();
  cluster.start_worker_again("w1");
  REQUIRE(etcd.await(one));
  // The last master leaves nothing behind.
  cluster.master().terminate();
  REQUIRE(cluster.master().await_exit() == 0);
  CHECK(etcd->keys("services/").empty());
}

TEST_CASE("a drain and a removal are answered once the key is gone") {
  if (is_etcd_missing()) return;
  Etcd etcd;
  Cluster cluster({"--publish", etcd.flag()});
  cluster.start_workers({"w1", "w2"});
  const auto one = key_of(cluster, "w1");
  const auto two = key_of(cluster, "w2");
  for (int round = 0; round < 10; ++round) {
    REQUIRE(etcd.await(one));
    const auto drained = post(cluster.control(), "/v1/workers/w1/drain", "");
    CHECK_FALSE(etcd->has(one));
    CHECK(drained.status == 200);
    CHECK(warning_in(drained).empty());
    REQUIRE(post(cluster.control(), "/v1/workers/w1/undrain", "").status == 200);
  }
  REQUIRE(etcd.await(two));
  const auto removed = remove(cluster.control(), "/v1/workers/w2?now=true");
  CHECK_FALSE(etcd->has(two));
  CHECK(removed.status == 200);
}

TEST_CASE("keys stay when the primary is killed, and belong to the next one") {
  if (is_etcd_missing()) return;
  check_that_keys_stay(
      [](PairCluster& cluster, const std::string& primary) { cluster.master(primary).kill9(); });
}

TEST_CASE("keys stay when the primary is frozen, and when it wakes") {
  if (is_etcd_missing()) return;
  check_that_keys_stay([](PairCluster& cluster, const std::string& primary) {
    cluster.freeze(primary);
    REQUIRE(cluster.await_primary() != primary);
    cluster.thaw(primary);
  });
}

TEST_CASE("keys stay when the leadership is handed over") {
  if (is_etcd_missing()) return;
  check_that_keys_stay([](PairCluster& cluster, const std::string& primary) {
    REQUIRE(cluster.tell(primary, "/v1/switchover").status == 200);
  });
}

TEST_CASE("an etcd that does not answer delays a drain for a bounded time, and nothing else") {
  if (is_etcd_missing()) return;
  Etcd etcd;
  Cluster cluster({"--publish", etcd.flag()});
  cluster.start_workers({"w1", "w2"});
  const auto one = key_of(cluster, "w1");
  REQUIRE(etcd.await(one));
  etcd->process().freeze();
  const auto drained = post(cluster.control(), "/v1/workers/w1/drain", "");
  CHECK(drained.status == 200);
  CHECK(is_in("w1 may still be listed in a registry", warning_in(drained)));
  CHECK(get(cluster.listen(), "/").status == 200);
  REQUIRE(await_publication(cluster.control(), "lost"));
  // It is known by now.
  CHECK(is_in("no answer", warning_in(post(cluster.control(), "/v1/workers/w2/drain", ""))));
  CHECK(is_in("cannot be written", get(cluster.control(), "/events").body));
  CHECK(cluster.workers().size() == 2);
  etcd->process().thaw();
  REQUIRE(await_publication(cluster.control(), "written"));
  REQUIRE(etcd.await_gone(one));
  REQUIRE(post(cluster.control(), "/v1/workers/w1/undrain", "").status == 200);
  REQUIRE(etcd.await(one));
  CHECK(is_in("can be written again", get(cluster.control(), "/events").body));
}

TEST_CASE("an etcd that comes back empty has the keys again") {
  if (is_etcd_missing()) return;
  Etcd etcd;
  Cluster cluster({"--publish", etcd.flag()});
  cluster.start_workers({"w1"});
  const auto one = key_of(cluster, "w1");
  REQUIRE(etcd.await(one));
  etcd->process().kill9();
  REQUIRE(await_publication(cluster.control(), "lost"));
  etcd->start_empty();
  REQUIRE(etcd->await_ready());
  REQUIRE(etcd.await(one));
  // What somebody else deletes comes back, too.
  etcd->remove(one);
  REQUIRE(etcd.await(one));
}

TEST_CASE("a key that somebody else has written is left alone, and told") {
  if (is_etcd_missing()) return;
  Etcd etcd;
  Cluster cluster({"--publish", etcd.flag()});
  cluster.start_workers({"w1"});
  const auto one = key_of(cluster, "w1");
  REQUIRE(etcd.await(one));
  etcd->put(one, R"({"Op":0,"Addr":"10.0.0.1:1","Metadata":"mine"})");
  REQUIRE(eventually([&] { return publication_of(cluster.control()).at("left_out") == 1; }));
  CHECK(is_in("somebody else's", publication_of(cluster.control()).dump()));
  REQUIRE(post(cluster.control(), "/v1/workers/w1/drain", "").status == 200);
  CHECK(is_in("mine", etcd->keys(one).at(one).value));
  REQUIRE(post(cluster.control(), "/v1/workers/w1/undrain", "").status == 200);
  etcd->remove(one);
  REQUIRE(eventually([&] {
    const auto keys = etcd->keys(one);
    return keys.contains(one) && is_in("tandem:", keys.at(one).value);
  }));
}

TEST_CASE("masters are published in place of workers, those that answer") {
  if (is_etcd_missing()) return;
  Etcd etcd;
  PairCluster cluster(publishing(etcd.flag(";what=masters")));
  cluster.start_workers({"w1"});
  const auto primary = cluster.await_primary();
  const auto standby = cluster.standby_of(primary);
  const auto key = [&](const std::string& master) {
    return "services/default/" + cluster.listen(master);
  };
  REQUIRE(etcd.await(key(primary)));
  REQUIRE(etcd.await(key(standby)));
  CHECK(etcd->keys("services/").size() == 2);
  cluster.master(standby).kill9();
  REQUIRE(etcd.await_gone(key(standby)));
  CHECK(etcd->has(key(primary)));
}

TEST_CASE("etcd is written over TLS, and told a password") {
  if (is_etcd_missing()) return;
  TempDir dir;
  const PrivateAuthority authority(dir, "authority");
  EtcdServer etcd(dir, "e");
  etcd.secure(authority, authority.issue("etcd", "IP:127.0.0.1"), AsksClients::for_nothing);
  etcd.start();
  REQUIRE(etcd.await_ready());
  const auto password = dir.write("password", "open-sesame\n");
  run({"chmod", "600", password});
  Cluster cluster({"--publish", fmt::format("etcd=https://{}/s,ca={},user=root,password={}",
                                            etcd.address(), authority.certificate(), password)});
  cluster.start_workers({"w1"});
  REQUIRE(await_publication(cluster.control(), "lost"));  // there is no such user yet
  REQUIRE(etcd.ask("auth/user/add", R"({"name":"root","password":"open-sesame"})").status == 200);
  REQUIRE(etcd.ask("auth/role/add", R"({"name":"root"})").status == 200);
  REQUIRE(etcd.ask("auth/user/grant", R"({"user":"root","role":"root"})").status == 200);
  REQUIRE(etcd.ask("auth/enable", "{}").status == 200);
  REQUIRE(await_publication(cluster.control(), "written"));
  CHECK_FALSE(is_in("open-sesame", cluster.master().errors()));
}

TEST_CASE("a reload begins and ends to publish") {
  if (is_etcd_missing()) return;
  Etcd etcd;
  TempDir dir;
  const auto file = dir.write("tandem.toml", "");
  Cluster cluster({"--config", file});
  cluster.start_workers({"w1"});
  const auto one = key_of(cluster, "w1");
  dir.write("tandem.toml", fmt::format("publish = [\"{}\"]\n", etcd.flag()));
  cluster.master().signal(SIGHUP);
  REQUIRE(etcd.await(one));
  dir.write("tandem.toml", "");
  cluster.master().signal(SIGHUP);
  REQUIRE(etcd.await_gone(one));
}

}  // namespace tandem::e2e::publication_etcd_test
