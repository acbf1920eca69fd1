// Workers as ephemeral nodes of ZooKeeper, the real one of Debian, read by its library for C: which
// are there, before what is answered they are gone, and that they stay when masters die.
#include <atomic>
#include <chrono>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#define THREADED  // with its functions that wait
#include <zookeeper/zookeeper.h>

#include "tests/e2e/publication_scene.hpp"
#include "tests/e2e/zookeeper_server.hpp"

namespace tandem::e2e::publication_zookeeper_test {
namespace {

constexpr auto root = "/services/default";

class Reader {
 public:
  explicit Reader(const std::string& servers) {
    zoo_set_debug_level(static_cast<ZooLogLevel>(0));
    session_ = zookeeper_init(servers.c_str(), nullptr, 20'000, nullptr, nullptr, 0);
    REQUIRE(session_ != nullptr);
    REQUIRE(eventually([&] { return zoo_state(session_) == ZOO_CONNECTED_STATE; }));
  }
  ~Reader() { zookeeper_close(session_); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  std::vector<std::string> nodes() const {
    String_vector found{};
    std::vector<std::string> all;
    if (zoo_get_children(session_, root, 0, &found) != ZOK) return all;
    for (int i = 0; i < found.count; ++i) all.emplace_back(found.data[i]);
    deallocate_String_vector(&found);
    return all;
  }
  Json document(const std::string& node) const {
    std::string data(4'096, ' ');
    auto size = static_cast<int>(data.size());
    Stat stat{};
    const auto path = fmt::format("{}/{}", root, node);
    if (zoo_get(session_, path.c_str(), 0, data.data(), &size, &stat) != ZOK) return {};
    CHECK(stat.ephemeralOwner != 0);
    data.resize(static_cast<std::size_t>(std::max(size, 0)));
    return Json::parse(data);
  }
  bool has(const std::string& address) const {
    for (const auto& node : nodes()) {
      if (node.ends_with("-" + address)) return true;
    }
    return false;
  }
  bool await(const std::string& address) const {
    return eventually([&] { return has(address); });
  }
  bool await_gone(const std::string& address) const {
    return eventually([&] { return !has(address); });
  }
  void create(const std::string& path, const std::string& data = {}) {
    REQUIRE(zoo_create(session_, path.c_str(), data.data(), static_cast<int>(data.size()),
                       &ZOO_OPEN_ACL_UNSAFE, 0, nullptr, 0) == ZOK);
  }
  bool may_not_remove(const std::string& path) const {
    return zoo_delete(session_, path.c_str(), -1) == ZNOAUTH;
  }
  void remove(const std::string& path) { REQUIRE(zoo_delete(session_, path.c_str(), -1) == ZOK); }

 private:
  zhandle_t* session_;
};

std::string flag_of(const ZooKeeperServer& server) {
  return "zookeeper=" + server.address() + "/services";
}

// Looks all the time whether these addresses are there, and how many nodes each has.
class Watcher {
 public:
  Watcher(const ZooKeeperServer& server, std::vector<std::string> addresses)
      : reader_(server.address()), addresses_(std::move(addresses)), thread_([this] { watch(); }) {}
  ~Watcher() { end(); }
  void end() {
    ended_ = true;
    if (thread_.joinable()) thread_.join();
  }
  std::size_t looks() const { return looks_; }
  std::size_t missed() const { return missed_; }

 private:
  void watch() {
    while (!ended_) {
      const auto nodes = reader_.nodes();
      for (const auto& address : addresses_) {
        bool is_there = false;
        for (const auto& node : nodes) is_there = is_there || node.ends_with("-" + address);
        if (!is_there) ++missed_;
      }
      ++looks_;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  Reader reader_;
  const std::vector<std::string> addresses_;
  std::atomic<bool> ended_{false};
  std::atomic<std::size_t> looks_{0};
  std::atomic<std::size_t> missed_{0};
  std::thread thread_;
};

// Kills or stops the primary, and looks until its session is over.
template <class Act>
void check_that_nodes_stay(Act act) {
  TempDir dir;
  ZooKeeperServer zookeeper(dir, "z");
  zookeeper.start();
  Reader reader(zookeeper.address());
  PairCluster cluster(publishing(flag_of(zookeeper)));
  cluster.start_workers({"w1", "w2"});
  const auto primary = cluster.await_primary();
  std::vector<std::string> addresses;
  for (const auto& [name, worker] : cluster.status(primary).workers) {
    addresses.push_back(worker.address);
    REQUIRE(reader.await(worker.address));
  }
  REQUIRE(addresses.size() == 2);
  Watcher watcher(zookeeper, addresses);
  act(cluster, primary);
  const auto successor = cluster.standby_of(primary);
  REQUIRE(eventually([&] {
    for (const auto& node : reader.nodes()) {
      if (!is_in(fmt::format("-{}-", successor), node)) return false;
    }
    return reader.nodes().size() == 2;
  }));
  std::this_thread::sleep_for(past_a_lease);
  watcher.end();
  CHECK(watcher.looks() > 100);
  CHECK(watcher.missed() == 0);
  CHECK(reader.nodes().size() == 2);
  CHECK(publication_of(cluster.control(successor)).at("state") == "written");
}

}  // namespace

TEST_CASE("a worker is a node of ZooKeeper as long as it is up, as Curator would write it") {
  if (is_zookeeper_missing()) return;
  TempDir dir;
  ZooKeeperServer zookeeper(dir, "z");
  zookeeper.start();
  Reader reader(zookeeper.address());
  Cluster cluster({"--publish", flag_of(zookeeper)});
  cluster.start_workers({"w1", "w2"});
  const auto one = address_of(cluster, "w1");
  REQUIRE(reader.await(one));
  REQUIRE(reader.await(address_of(cluster, "w2")));
  for (const auto& node : reader.nodes()) {
    if (!node.ends_with(one)) continue;
    const auto document = reader.document(node);
    CHECK(document.at("name") == "default");
    CHECK(document.at("id") == node);
    CHECK(fmt::format("{}:{}", document.at("address").get<std::string>(),
                      document.at("port").get<int>()) == one);
    CHECK(document.at("sslPort").is_null());
    CHECK(document.at("payload").is_null());
    CHECK(document.at("serviceType") == "DYNAMIC");
    CHECK(document.at("registrationTimeUTC") > 1'600'000'000'000);
    CHECK(document.at("uriSpec").at("parts").size() == 5);
  }
  cluster.worker("w1").kill9();
  REQUIRE(reader.await_gone(one));
  CHECK(reader.has(address_of(cluster, "w2")));
  cluster.worker("w1").await_exit();
  cluster.start_worker_again("w1");
  REQUIRE(reader.await(one));
  cluster.master().terminate();
  REQUIRE(cluster.master().await_exit() == 0);
  CHECK(reader.nodes().empty());
}

TEST_CASE("a drain is answered once the node is gone") {
  if (is_zookeeper_missing()) return;
  TempDir dir;
  ZooKeeperServer zookeeper(dir, "z");
  zookeeper.start();
  Reader reader(zookeeper.address());
  Cluster cluster({"--publish", flag_of(zookeeper)});
  cluster.start_workers({"w1", "w2"});
  const auto one = address_of(cluster, "w1");
  for (int round = 0; round < 10; ++round) {
    REQUIRE(reader.await(one));
    const auto drained = post(cluster.control(), "/v1/workers/w1/drain", "");
    CHECK_FALSE(reader.has(one));
    CHECK(warning_in(drained).empty());
    REQUIRE(post(cluster.control(), "/v1/workers/w1/undrain", "").status == 200);
  }
}

TEST_CASE("nodes stay when the primary is killed, and are then the next one's") {
  if (is_zookeeper_missing()) return;
  check_that_nodes_stay(
      [](PairCluster& cluster, const std::string& primary) { cluster.master(primary).kill9(); });
}

TEST_CASE("nodes stay when the primary is frozen, and when it wakes") {
  if (is_zookeeper_missing()) return;
  check_that_nodes_stay([](PairCluster& cluster, const std::string& primary) {
    cluster.freeze(primary);
    REQUIRE(cluster.await_primary() != primary);
    cluster.thaw(primary);
  });
}

TEST_CASE("nodes stay when the leadership is handed over") {
  if (is_zookeeper_missing()) return;
  check_that_nodes_stay([](PairCluster& cluster, const std::string& primary) {
    REQUIRE(cluster.tell(primary, "/v1/switchover").status == 200);
  });
}

TEST_CASE("a ZooKeeper that comes back, or comes back empty, has the nodes again") {
  if (is_zookeeper_missing()) return;
  TempDir dir;
  ZooKeeperServer zookeeper(dir, "z");
  zookeeper.start();
  Cluster cluster({"--publish", flag_of(zookeeper)});
  cluster.start_workers({"w1"});
  const auto one = address_of(cluster, "w1");
  REQUIRE(Reader(zookeeper.address()).await(one));
  zookeeper.process().freeze();
  const auto drained = post(cluster.control(), "/v1/workers/w1/drain", "");
  CHECK(is_in("w1 may still be listed in a registry", warning_in(drained)));
  REQUIRE(await_publication(cluster.control(), "lost"));
  zookeeper.process().thaw();
  REQUIRE(await_publication(cluster.control(), "written"));
  REQUIRE(Reader(zookeeper.address()).await_gone(one));
  REQUIRE(post(cluster.control(), "/v1/workers/w1/undrain", "").status == 200);
  REQUIRE(Reader(zookeeper.address()).await(one));
  zookeeper.process().kill9();
  REQUIRE(await_publication(cluster.control(), "lost"));
  zookeeper.start_empty();
  REQUIRE(await_publication(cluster.control(), "written"));
  REQUIRE(Reader(zookeeper.address()).await(one));
}

TEST_CASE("nodes of others are left alone, and a master's that others remove come back") {
  if (is_zookeeper_missing()) return;
  TempDir dir;
  ZooKeeperServer zookeeper(dir, "z");
  zookeeper.start();
  Reader others(zookeeper.address());
  others.create("/services");
  others.create(root);
  others.create(std::string(root) + "/mine", "10.0.0.1:80");
  others.create(std::string(root) + "/tandem-1-a-2-10.0.0.1:80");  // of another cluster
  Cluster cluster({"--publish", flag_of(zookeeper)});
  cluster.start_workers({"w1"});
  const auto one = address_of(cluster, "w1");
  REQUIRE(others.await(one));
  for (const auto& node : others.nodes()) {
    if (node.ends_with(one)) others.remove(fmt::format("{}/{}", root, node));
  }
  REQUIRE(others.await(one));
  CHECK(others.nodes().size() == 3);
}

TEST_CASE("ZooKeeper is written over TLS, shown a certificate, and nodes are the user's alone") {
  if (is_zookeeper_missing()) return;
  TempDir dir;
  const PrivateAuthority authority(dir, "authority");
  const auto own = authority.issue("master", "DNS:master");
  ZooKeeperServer zookeeper(dir, "z");
  const auto secure = zookeeper.secure(authority, authority.issue("zookeeper", "IP:127.0.0.1"));
  zookeeper.start();
  Reader others(zookeeper.address());
  const auto password = dir.write("password", "open-sesame\n");
  run({"chmod", "600", password});
  const auto where = fmt::format("zookeeper=https://{}/services,ca={},user=writer,password={}",
                                 secure, authority.certificate(), password);
  {
    Cluster stranger({"--publish", where});
    REQUIRE(await_publication(stranger.control(), "lost"));
  }
  Cluster cluster({"--publish", fmt::format("{},cert={},key={}", where, own.certificate, own.key)});
  cluster.start_workers({"w1"});
  const auto one = address_of(cluster, "w1");
  REQUIRE(others.await(one));
  REQUIRE(await_publication(cluster.control(), "written"));
  for (const auto& node : others.nodes()) {
    CHECK(others.document(node).at("port").is_number());  // everybody reads it
    CHECK(others.may_not_remove(fmt::format("{}/{}", root, node)));
  }
  CHECK(post(cluster.control(), "/v1/workers/w1/drain", "").status == 200);
  CHECK_FALSE(others.has(one));
  CHECK_FALSE(is_in("open-sesame", cluster.master().errors()));
}

}  // namespace tandem::e2e::publication_zookeeper_test
