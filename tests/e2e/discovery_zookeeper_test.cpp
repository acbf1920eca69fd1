// Workers from ZooKeeper, the real one of Debian, where services register by its library for C: one
// server that is killed, frozen and restarted empty, and three of which some are lost.
#include <memory>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#define THREADED  // with its functions that wait
#include <zookeeper/zookeeper.h>

#include "tests/e2e/discovery_scene.hpp"
#include "tests/e2e/private_authority.hpp"
#include "tests/e2e/zookeeper_server.hpp"
#include "tests/gateway/raw_socket.hpp"

namespace tandem::e2e::discovery_zookeeper_test {
namespace {

// A session of a service, or of several. Nodes that it makes go with it, unless they are to stay.
class Registrant {
 public:
  explicit Registrant(const std::string& servers) {
    zoo_set_debug_level(static_cast<ZooLogLevel>(0));
    session_ = zookeeper_init(servers.c_str(), nullptr, 20'000, nullptr, nullptr, 0);
    REQUIRE(session_ != nullptr);
    REQUIRE(eventually([&] { return zoo_state(session_) == ZOO_CONNECTED_STATE; }));
  }
  ~Registrant() { zookeeper_close(session_); }
  Registrant(const Registrant&) = delete;
  Registrant& operator=(const Registrant&) = delete;

  void log_in(const std::string& credentials) {
    REQUIRE(zoo_add_auth(session_, "digest", credentials.data(),
                         static_cast<int>(credentials.size()), nullptr, nullptr) == ZOK);
    acl_ = &ZOO_CREATOR_ALL_ACL;
  }
  void create(const std::string& path, const std::string& data = {}, int flags = 0) {
    INFO(path);
    REQUIRE(zoo_create(session_, path.c_str(), data.data(), static_cast<int>(data.size()), acl_,
                       flags, nullptr, 0) == ZOK);
  }
  // As Curator writes it, with the session.
  void list(const std::string& name, const ListedServer& server, int flags = ZOO_EPHEMERAL) {
    create(name,
           fmt::format(R"({{"name":"web","id":"{}","address":"127.0.0.1","port":{},"sslPort":null,)"
                       R"("payload":null,"registrationTimeUTC":1795872030016,)"
                       R"("serviceType":"DYNAMIC","uriSpec":null}})",
                       name, server.port()),
           flags);
  }
  void change(const std::string& path, const std::string& data) {
    REQUIRE(zoo_set(session_, path.c_str(), data.data(), static_cast<int>(data.size()), -1) == ZOK);
  }
  void remove(const std::string& path) { REQUIRE(zoo_delete(session_, path.c_str(), -1) == ZOK); }

 private:
  zhandle_t* session_;
  const ACL_vector* acl_ = &ZOO_OPEN_ACL_UNSAFE;
};

bool is_up(const Cluster& cluster, const ListedServer& server) {
  return eventually([&] { return cluster.state_of(server.worker()) == "up"; });
}
bool is_gone(const Cluster& cluster, const ListedServer& server) {
  return eventually([&] { return cluster.state_of(server.worker()) == "unknown"; });
}

}  // namespace

TEST_CASE("nodes of ZooKeeper are workers as long as they are there, and their sessions last") {
  if (is_zookeeper_missing()) return;
  TempDir dir;
  ZooKeeperServer zookeeper(dir, "z");
  zookeeper.start();
  ListedServer one("one");
  ListedServer two("two");
  ListedServer three("three");
  Registrant operators(zookeeper.address());
  Cluster cluster(discovering("default=zookeeper:" + zookeeper.address() + "/services/web"));
  REQUIRE(await_source(cluster.control(), "read"));  // there is nothing yet, not even the node
  CHECK(cluster.workers().empty());
  operators.create("/services");
  operators.create("/services/web");
  operators.create("/services/web/odd", "nonsense");
  operators.create("/services/webs", "127.0.0.1:1");  // of another service
  operators.create("/services/web/" + one.address());
  REQUIRE(is_up(cluster, one));
  CHECK(get(cluster.listen(), "/").body == "one");
  REQUIRE(eventually([&] { return source_of(cluster.control()).at("skipped") == 1; }));
  {
    Registrant service(zookeeper.address());
    service.list("/services/web/4f1d", two);
    REQUIRE(is_up(cluster, two));
  }
  REQUIRE(is_gone(cluster, two));
  // The same node says something else, and becomes an instance.
  operators.change("/services/web/odd", three.address());
  REQUIRE(is_up(cluster, three));
  operators.remove("/services/web/" + one.address());
  REQUIRE(is_gone(cluster, one));
  CHECK(get(cluster.listen(), "/").body == "three");
  CHECK(cluster.workers().size() == 1);
}

TEST_CASE(
    "a ZooKeeper that is lost takes no worker away, and one that starts empty is believed "
    "late") {
  if (is_zookeeper_missing()) return;
  TempDir dir;
  ZooKeeperServer zookeeper(dir, "z");
  zookeeper.start();
  ListedServer one("one");
  {
    Registrant operators(zookeeper.address());
    operators.create("/web");
    operators.list("/web/one", one, 0);
  }
  Cluster cluster(discovering("default=zookeeper:" + zookeeper.address() + "/web"));
  REQUIRE(is_up(cluster, one));
  zookeeper.process().freeze();  // longer than any session lasts
  REQUIRE(await_source(cluster.control(), "lost"));
  CHECK(cluster.state_of(one.worker()) == "up");
  zookeeper.process().thaw();
  REQUIRE(await_source(cluster.control(), "read"));
  zookeeper.process().kill9();
  REQUIRE(await_source(cluster.control(), "lost"));
  cluster.master().terminate();
  REQUIRE(cluster.master().await_exit() == 0);
  cluster.start_master_again();  // which has kept the list
  REQUIRE(is_up(cluster, one));
  zookeeper.start();
  REQUIRE(await_source(cluster.control(), "read"));
  CHECK(cluster.state_of(one.worker()) == "up");
  zookeeper.process().kill9();
  REQUIRE(await_source(cluster.control(), "lost"));
  zookeeper.start_empty();
  REQUIRE(await_source(cluster.control(), "doubted"));
  CHECK(cluster.state_of(one.worker()) == "up");
  REQUIRE(is_gone(cluster, one));
}

TEST_CASE("ZooKeeper is asked over TLS, shown a certificate, and told a password") {
  if (is_zookeeper_missing()) return;
  TempDir dir;
  const PrivateAuthority authority(dir, "authority");
  const auto shown = authority.issue("zookeeper", "IP:127.0.0.1");
  const auto own = authority.issue("master", "DNS:master");
  ZooKeeperServer zookeeper(dir, "z");
  const auto secure = zookeeper.secure(authority, shown);
  zookeeper.start();
  ListedServer one("one");
  Registrant operators(zookeeper.address());
  operators.log_in("reader:open-sesame");
  operators.create("/web");
  operators.list("/web/one", one);
  const auto password = dir.write("password", "not-that\n");
  run({"chmod", "600", password});
  const auto where = fmt::format("default=zookeeper:https://{}/web,ca={},user=reader,password={}",
                                 secure, authority.certificate(), password);
  {
    Cluster stranger(discovering(where));
    REQUIRE(await_source(stranger.control(), "lost"));
  }
  Cluster cluster(discovering(fmt::format("{},cert={},key={}", where, own.certificate, own.key)));
  REQUIRE(await_source(cluster.control(), "lost"));
  CHECK(is_in("/web may not be read", source_of(cluster.control()).dump()));
  CHECK_FALSE(is_in("not-that", cluster.master().errors()));
  dir.write("password", "open-sesame\n");
  REQUIRE(is_up(cluster, one));
}

TEST_CASE("of three servers of ZooKeeper one may be lost, and without a quorum the workers stay",
          "[.][long]") {
  if (is_zookeeper_missing()) return;
  TempDir dir;
  std::vector<std::unique_ptr<ZooKeeperServer>> servers;
  std::string members;
  std::string addresses;
  for (int i = 0; i < 3; ++i) {
    servers.push_back(std::make_unique<ZooKeeperServer>(dir, fmt::format("z{}", i)));
    const auto elections = free_address();
    members += fmt::format("server.{}={}:{}\n", i + 1, free_address(),
                           elections.substr(elections.find(':') + 1));
    addresses += (i == 0 ? "" : ",") + servers.back()->address();
  }
  for (int i = 0; i < 3; ++i) {
    servers[i]->configure(members, std::to_string(i + 1));
    servers[i]->start();
  }
  ListedServer one("one");
  ListedServer two("two");
  Registrant operators(addresses);
  operators.create("/web");
  operators.list("/web/one", one, 0);
  Cluster cluster(discovering("default=zookeeper:" + addresses + "/web"));
  REQUIRE(is_up(cluster, one));
  // The one that is watched says nothing any more.
  servers[0]->process().freeze();
  Registrant others(servers[1]->address() + "," + servers[2]->address());
  others.list("/web/two", two, 0);
  REQUIRE(is_up(cluster, two));
  CHECK(cluster.state_of(one.worker()) == "up");
  servers[1]->process().kill9();
  REQUIRE(await_source(cluster.control(), "lost"));
  CHECK(cluster.state_of(one.worker()) == "up");
  CHECK(cluster.state_of(two.worker()) == "up");
  servers[0]->process().thaw();
  REQUIRE(await_source(cluster.control(), "read"));
  CHECK(cluster.workers().size() == 2);
}

}  // namespace tandem::e2e::discovery_zookeeper_test
