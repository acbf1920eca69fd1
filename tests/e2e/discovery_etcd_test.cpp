// Workers from etcd, the real one of Debian: one member that is killed, frozen, restarted empty and
// compacted, and three of which some are lost.
#include <map>
#include <memory>
#include <optional>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "master/discovery/base64.hpp"
#include "tests/e2e/discovery_scene.hpp"
#include "tests/e2e/private_authority.hpp"

namespace tandem::e2e::discovery_etcd_test {
namespace {

using master::from_base64;
using master::to_base64;

bool is_missing() {
  if (installed("etcd")) return false;
  WARN("skipped: etcd is not installed (scripts/install-packages.sh servers)");
  return true;
}

enum class AsksClients { for_nothing, for_certificates };

class EtcdServer {
 public:
  // `members`: NAME=URL of all, by which they find each other; empty: it is alone.
  EtcdServer(const TempDir& dir, const std::string& name, std::string peers = free_address(),
             std::string members = {})
      : dir_(dir),
        name_(name),
        address_(free_address()),
        peers_(std::move(peers)),
        members_(members.empty() ? fmt::format("{}=http://{}", name, peers_) : std::move(members)) {
  }

  // From now on clients speak TLS.
  void secure(const PrivateAuthority& authority, const PrivateAuthority::Issued& shown,
              AsksClients asks) {
    tls_ = ClientCertificate{authority.certificate(), shown.certificate, shown.key};
    asks_ = asks;
  }
  // With what it had, unless it starts with nothing.
  void start() {
    const auto clients = (tls_ ? "https://" : "http://") + address_;
    const auto peers = "http://" + peers_;
    Arguments command{*installed("etcd"),
                      "--name",
                      name_,
                      "--data-dir",
                      dir_.path(fmt::format("{}-data-{}", name_, lives_)),
                      "--listen-client-urls",
                      clients,
                      "--advertise-client-urls",
                      clients,
                      "--listen-peer-urls",
                      peers,
                      "--initial-advertise-peer-urls",
                      peers,
                      "--initial-cluster",
                      members_};
    if (tls_) {
      command.insert(command.end(), {"--cert-file", tls_->certificate, "--key-file", tls_->key});
    }
    if (asks_ == AsksClients::for_certificates) {
      command.insert(command.end(), {"--client-cert-auth", "--trusted-ca-file", tls_->authority});
    }
    process_ = std::make_unique<Process>(dir_, fmt::format("{}-{}", name_, ++starts_), command);
  }
  void start_empty() {
    ++lives_;
    start();
  }
  bool await_ready() const {
    return eventually([&] { return ask("kv/range", key_of("x")).status == 200; });
  }

  const std::string& address() const { return address_; }
  Process& process() { return *process_; }

  // An answer of its JSON gateway.
  Answer ask(const std::string& path, const std::string& body) const {
    constexpr Milliseconds timeout{5'000};
    auto client = tls_ ? Client(address_, *tls_, timeout) : Client(address_, timeout);
    return client.post("/v3/" + path, body);
  }
  // Returns the revision.
  std::uint64_t put(const std::string& key, const std::string& value,
                    const std::string& lease = "0") const {
    const auto answer = ask("kv/put", fmt::format(R"({{"key":"{}","value":"{}","lease":"{}"}})",
                                                  to_base64(key), to_base64(value), lease));
    REQUIRE(answer.status == 200);
    const auto header = Json::parse(answer.body).at("header");
    return std::stoull(header.at("revision").get<std::string>());
  }
  void list(const ListedServer& server, const std::string& lease = "0") const {
    put("shop/" + server.address(),
        fmt::format(R"({{"Op":0,"Addr":"{}","Metadata":null}})", server.address()), lease);
  }
  void remove(const ListedServer& server) const {
    REQUIRE(ask("kv/deleterange", key_of("shop/" + server.address())).status == 200);
  }
  std::string lease(unsigned seconds) const {
    const auto granted = ask("lease/grant", fmt::format(R"({{"TTL":"{}"}})", seconds));
    return Json::parse(granted.body).at("ID").get<std::string>();
  }

 private:
  static std::string key_of(const std::string& key) {
    return fmt::format(R"({{"key":"{}"}})", to_base64(key));
  }

  const TempDir& dir_;
  const std::string name_;
  const std::string address_;
  const std::string peers_;
  const std::string members_;
  std::optional<ClientCertificate> tls_;
  AsksClients asks_ = AsksClients::for_nothing;
  int starts_ = 0;
  int lives_ = 0;
  std::unique_ptr<Process> process_;
};

bool is_up(const Cluster& cluster, const ListedServer& server) {
  return eventually([&] { return cluster.state_of(server.worker()) == "up"; });
}
bool is_gone(const Cluster& cluster, const ListedServer& server) {
  return eventually([&] { return cluster.state_of(server.worker()) == "unknown"; });
}

}  // namespace

TEST_CASE("keys of etcd are workers as long as they are there, and their leases last") {
  if (is_missing()) return;
  TempDir dir;
  EtcdServer etcd(dir, "e");
  etcd.start();
  REQUIRE(etcd.await_ready());
  ListedServer one("one");
  ListedServer two("two");
  etcd.list(one);
  etcd.put("shopping/x", "127.0.0.1:1");  // of another prefix
  etcd.put("shop/odd", "nonsense");
  Cluster cluster(discovering("default=etcd:" + etcd.address() + "/shop"));
  REQUIRE(is_up(cluster, one));
  CHECK(get(cluster.listen(), "/").body == "one");
  CHECK(cluster.workers().size() == 1);
  CHECK(source_of(cluster.control()).at("skipped") == 1);
  etcd.list(two, etcd.lease(2));
  REQUIRE(is_up(cluster, two));
  REQUIRE(is_gone(cluster, two));  // nobody keeps the lease alive
  etcd.list(two);
  REQUIRE(is_up(cluster, two));
  etcd.remove(one);
  REQUIRE(is_gone(cluster, one));
  CHECK(get(cluster.listen(), "/").body == "two");
}

TEST_CASE("etcd is asked over TLS, and shown a certificate") {
  if (is_missing()) return;
  TempDir dir;
  const PrivateAuthority authority(dir, "authority");
  const auto own = authority.issue("master", "DNS:master");
  EtcdServer etcd(dir, "e");
  etcd.secure(authority, authority.issue("etcd", "IP:127.0.0.1"), AsksClients::for_certificates);
  etcd.start();
  REQUIRE(etcd.await_ready());
  ListedServer one("one");
  ListedServer two("two");
  etcd.list(one);
  const auto where =
      fmt::format("default=etcd:https://{}/shop,ca={}", etcd.address(), authority.certificate());
  {
    Cluster stranger(discovering(where));
    REQUIRE(await_source(stranger.control(), "lost"));
  }
  Cluster cluster(discovering(fmt::format("{},cert={},key={}", where, own.certificate, own.key)));
  REQUIRE(is_up(cluster, one));
  etcd.list(two);
  REQUIRE(is_up(cluster, two));
}

TEST_CASE("etcd is told a password, which may be replaced") {
  if (is_missing()) return;
  TempDir dir;
  const PrivateAuthority authority(dir, "authority");
  EtcdServer etcd(dir, "e");
  etcd.secure(authority, authority.issue("etcd", "IP:127.0.0.1"), AsksClients::for_nothing);
  etcd.start();
  REQUIRE(etcd.await_ready());
  ListedServer one("one");
  ListedServer two("two");
  etcd.list(one);
  etcd.list(two, etcd.lease(5));
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
  if (is_missing()) return;
  TempDir dir;
  EtcdServer etcd(dir, "e");
  etcd.start();
  REQUIRE(etcd.await_ready());
  ListedServer one("one");
  etcd.list(one);
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
  etcd.list(one);
  REQUIRE(is_up(cluster, one));
}

TEST_CASE("a master that starts while etcd is away has the workers that it had") {
  if (is_missing()) return;
  TempDir dir;
  EtcdServer etcd(dir, "e");
  etcd.start();
  REQUIRE(etcd.await_ready());
  ListedServer one("one");
  etcd.list(one);
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
  if (is_missing()) return;
  TempDir dir;
  EtcdServer etcd(dir, "e");
  etcd.start();
  REQUIRE(etcd.await_ready());
  ListedServer one("one");
  ListedServer two("two");
  etcd.list(one);
  Cluster cluster(discovering("default=etcd:" + etcd.address() + "/shop"));
  REQUIRE(is_up(cluster, one));
  // Between a list and the watch behind it there is time for all of that.
  for (int round = 0; round < 60; ++round) {
    etcd.put("shop/busy", fmt::format("127.0.0.1:{}", 1 + round % 2));
    const auto revision = etcd.put("other", "x");
    REQUIRE(etcd.ask("kv/compaction", fmt::format(R"({{"revision":"{}"}})", revision)).status ==
            200);
  }
  etcd.list(two);
  REQUIRE(is_up(cluster, two));
  CHECK(cluster.state_of(one.worker()) == "up");
}

TEST_CASE("of three members of etcd one may be lost, and without a quorum the workers stay") {
  if (is_missing()) return;
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
  etcd[0]->list(one);
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
