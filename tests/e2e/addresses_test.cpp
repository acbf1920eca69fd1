// Where workers and masters are: ports that change hands, and names instead of addresses.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/e2e/harness/cluster.hpp"

namespace tandem::e2e::addresses_test {

using nlohmann::json;

namespace {

std::string port_of(const std::string& address) { return address.substr(address.rfind(':') + 1); }

json worker(const Cluster& cluster, const std::string& name) {
  const auto document = json::parse(get(cluster.control(), "/v1/workers").body);
  for (const auto& each : document["workers"]) {
    if (each["name"] == name) return each;
  }
  return {};
}

// A service that no master knows of.
class Service {
 public:
  explicit Service(const TempDir& dir, const std::string& name = "service")
      : process_(dir, name,
                 {program("tandem-worker"), "--name", name, "--listen", "127.0.0.1:0", "--master",
                  "127.0.0.1:1"}) {
    address_ = field_of(process_.await_line("tandem-worker ready"), "listen");
  }
  const std::string& address() const { return address_; }
  std::string by_name() const { return "localhost:" + port_of(address_); }

 private:
  Process process_;
  std::string address_;
};

}  // namespace

TEST_CASE("a service that gets a dead worker's port is not answered in the other's name") {
  Cluster cluster({"--route", "/bank=bank", "--route", "/shop=shop"});
  cluster.start_worker("bank-1", {"--service", "bank", "--listen", "127.0.0.1:0"});
  REQUIRE(cluster.await_state("bank-1", "up"));
  CHECK_THAT(get(cluster.listen(), "/bank").body, Catch::Contains("bank-1"));
  const auto address = cluster.workers().at("bank-1").address;
  cluster.worker("bank-1").kill9();
  cluster.start_worker("shop-1", {"--service", "shop", "--listen", address});
  REQUIRE(cluster.await_state("shop-1", "up"));
  CHECK_THAT(get(cluster.listen(), "/shop").body, Catch::Contains("shop-1"));
  for (int i = 0; i < 20; ++i) CHECK(get(cluster.listen(), "/bank").status != 200);
  CHECK(cluster.state_of("bank-1") == "unknown");
  CHECK(cluster.requests_of("shop-1") == 1);
}

TEST_CASE("a backend by name is found at the address where it listens") {
  const TempDir dir;
  const Service service(dir);
  Cluster cluster({"--backend", service.by_name()});
  const auto name = "localhost-" + port_of(service.address());
  REQUIRE(cluster.await_state(name, "up"));
  CHECK(worker(cluster, name)["address"] == service.address());
  CHECK_THAT(get(cluster.listen(), "/").body, Catch::Contains("service"));
}

TEST_CASE("a backend whose name has no address keeps no master from starting") {
  Cluster cluster({"--backend", "nowhere.invalid:80"});
  CHECK(eventually([&] {
    return worker(cluster, "nowhere.invalid-80")["reason"].get<std::string>().find(
               "\"nowhere.invalid\" cannot be resolved") != std::string::npos;
  }));
  CHECK(cluster.state_of("nowhere.invalid-80") == "down");
  CHECK(get(cluster.listen(), "/").status == 503);
}

TEST_CASE("a target by name is registered at the address that was probed") {
  const TempDir dir;
  const Service service(dir);
  Cluster cluster;
  cluster.start_worker("w1", {"--target", service.by_name()});
  REQUIRE(cluster.await_state("w1", "up"));
  CHECK(worker(cluster, "w1")["address"] == service.address());
  CHECK(worker(cluster, "w1")["connections"] == 256);
  CHECK(get(cluster.listen(), "/").status == 200);
}

TEST_CASE("a target is probed as the settings of its service say, and else as its flags do") {
  const TempDir dir;
  const Service service(dir);
  Cluster cluster;
  cluster.start_worker("w1", {"--target", service.address(), "--check-path", "/status/503",
                              "--check-interval", "20ms", "--check-unhealthy", "1"});
  REQUIRE(cluster.await_state("w1", "down"));
  const auto set = [&](const json& settings) {
    return put(cluster.control(), "/v1/services/default/settings", settings.dump()).status;
  };
  REQUIRE(set({{"check_path", "/status/200"}}) == 200);
  CHECK(cluster.await_state("w1", "up"));
  REQUIRE(set({{"check_path", "/status/500"}}) == 200);
  CHECK(cluster.await_state("w1", "down"));
}

TEST_CASE("masters find each other by name, and the command line finds them") {
  const TempDir dir;
  const auto start = [&](const std::string& node, const std::string& control,
                         const std::string& peer) {
    return std::make_unique<Process>(
        dir, node,
        std::vector<std::string>{program("tandem-master"), "--node", node, "--listen",
                                 "127.0.0.1:0", "--control", control, "--data-dir", dir.path(node),
                                 "--peer", peer});
  };
  const auto a = free_address();
  const auto b = free_address();
  const auto first = start("a", a, "b=localhost:" + port_of(b));
  const auto second = start("b", b, "a=localhost:" + port_of(a));
  first->await_line("tandem-master ready");
  second->await_line("tandem-master ready");
  CHECK(eventually(
      [&] { return get(a, "/primary").status == 200 || get(b, "/primary").status == 200; }));
  const auto shown = run({program("tandem"), "status", "--control", "localhost:" + port_of(a)});
  CHECK_THAT(shown.output, Catch::Contains("in term"));
}

TEST_CASE("a peer whose name has no address is away, and keeps no master from starting") {
  const TempDir dir;
  Process master(dir, "a",
                 {program("tandem-master"), "--node", "a", "--listen", "127.0.0.1:0", "--control",
                  "127.0.0.1:0", "--data-dir", dir.path("a"), "--peer", "b=nowhere.invalid:7070",
                  "--insecure-network"});
  CHECK_NOTHROW(master.await_line("tandem-master ready"));
}

}  // namespace tandem::e2e::addresses_test
