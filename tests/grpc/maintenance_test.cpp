// What operators do all day, under calls and streams of gRPC that nobody repeats: none fails.
#include <algorithm>
#include <csignal>
#include <numeric>
#include <sstream>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/grpc/grpc_cluster.hpp"

namespace tandem::e2e::maintenance_test {
namespace {

// Servers s1 and s2, and clients whose channels have both masters, in each language that has
// libraries here which can.
class Scene {
 public:
  // Some clients know the standby alone, as long as it stays.
  enum class Knows { both, one };
  explicit Scene(Knows knows = Knows::one) {
    for (const auto* name : {"s1", "s2"}) cluster_.start_server(name, Language::cpp);
    REQUIRE(masters().await_whole() == "");
    primary_ = masters().await_primary();
    for (const auto language : {Language::python, Language::js}) {
      if (!is_installed(language)) continue;
      clients_.push_back(cluster_.call(language, cluster_.both(primary_), {"load"}));
    }
    for (const auto language : {Language::python, Language::go}) {
      if (knows == Knows::both || !is_installed(language)) continue;
      clients_.push_back(cluster_.call(language, masters().listen(standby()), {"load"}));
    }
    REQUIRE(goes_on());
  }

  GrpcCluster& cluster() { return cluster_; }
  PairCluster& masters() { return cluster_.masters(); }
  std::string primary() const { return primary_; }
  std::string standby() { return masters().standby_of(primary_); }

  bool goes_on() const {
    return std::all_of(clients_.begin(), clients_.end(),
                       [](const auto& client) { return await_more_calls(*client, 100); });
  }
  Answer tell_primary(const std::string& method, const std::string& path) {
    return masters().send(primary_, method, path, "", patience);
  }
  void switch_over() {
    const auto next = standby();
    REQUIRE(tell_primary("POST", "/v1/switchover").status == 200);
    REQUIRE(eventually([&] { return masters().primaries() == std::vector{next}; }));
    primary_ = next;
  }
  void check() {
    CHECK(goes_on());
    for (const auto& client : clients_) end(*client);
    clients_.clear();
  }

 private:
  static void end(Process& client) {
    client.terminate();
    CHECK(client.await_exit() == 0);
    INFO(client.output() << client.errors());
    CHECK(last_line(client) == "ok load");
  }

  GrpcCluster cluster_;
  std::string primary_;
  std::vector<std::unique_ptr<Process>> clients_;
};

// By the access log of a master.
std::vector<int> attempts_of_calls(const Process& master) {
  std::vector<int> attempts;
  std::istringstream lines(master.output());
  for (std::string line; std::getline(lines, line);) {
    const std::string field = R"("attempts":)";
    const auto at = line.find(field);
    if (at == line.npos || line.find("/UnaryCall") == line.npos) continue;
    attempts.push_back(std::stoi(line.substr(at + field.size())));
  }
  return attempts;
}

enum class WithItsWorker { no, yes };

void meets_frozen(WithItsWorker with_its_worker) {
  GrpcCluster cluster;
  for (const auto* name : {"s1", "s2"}) cluster.start_server(name, Language::cpp);
  REQUIRE(cluster.masters().await_whole() == "");
  std::vector<std::unique_ptr<Process>> clients;
  for (const auto& master : cluster.masters().names()) {
    clients.push_back(
        cluster.call(Language::python, cluster.masters().listen(master), {"hurried:300"}));
    REQUIRE(await_output(*clients.back(), "good in a row=100"));
  }
  if (with_its_worker == WithItsWorker::yes) cluster.worker("s1").freeze();
  cluster.server("s1").freeze();
  // A call that hangs there may keep all others away, as one more request in flight.
  REQUIRE(eventually([&] {
    return std::any_of(clients.begin(), clients.end(), [](const auto& client) {
      return client->output().find("late=1") != std::string::npos;
    });
  }));
  for (const auto& client : clients) {
    const auto so_far = client->output().size();
    CHECK(eventually(
        [&] { return client->output().find("good in a row", so_far) != std::string::npos; }));
  }
  cluster.server("s1").thaw();
  if (with_its_worker == WithItsWorker::yes) cluster.worker("s1").thaw();
  CHECK(cluster.await_state("s1", "up"));
  for (const auto& client : clients) {
    client->terminate();
    CHECK(client->await_exit() == 0);
    INFO(client->output());
    CHECK(last_line(*client) == "ok hurried:300");
  }
}

}  // namespace

TEST_CASE("servers of gRPC are drained and removed under load, and no call fails") {
  Scene scene;
  for (const std::string name : {"s1", "s2"}) {
    const auto drained =
        scene.tell_primary("POST", fmt::format("/v1/workers/{}/drain?wait_ms=20000", name));
    CHECK_THAT(drained.body, Catch::Contains("\"in_flight\":0"));
    CHECK(scene.goes_on());
    CHECK(scene.tell_primary("POST", fmt::format("/v1/workers/{}/undrain", name)).status == 200);
    CHECK(scene.goes_on());
    CHECK(scene.tell_primary("DELETE", "/v1/workers/" + name).status == 200);
    CHECK(scene.cluster().worker(name).await_exit() == 0);
    CHECK(scene.goes_on());
    scene.cluster().launch_worker(name, scene.cluster().address(name),
                                  {"--protocol", "http2", "--check", "grpc"});
    REQUIRE(scene.cluster().await_state(name, "up"));
  }
  scene.check();
}

TEST_CASE("servers of gRPC and their tandem-workers end in good order, and no call fails") {
  Scene scene;
  for (const std::string name : {"s1", "s2"}) {
    scene.cluster().worker(name).terminate();
    CHECK(scene.cluster().worker(name).await_exit() == 0);
    scene.cluster().server(name).terminate();
    CHECK(scene.cluster().server(name).await_exit() == 0);
    CHECK(scene.goes_on());
    scene.cluster().start_server(name, Language::cpp);
    CHECK(scene.goes_on());
  }
  scene.check();
}

TEST_CASE("leadership is handed over and masters reload under calls of gRPC, and none fails") {
  Scene scene;
  for (int i = 0; i < 4; ++i) {
    scene.switch_over();
    for (const auto& name : scene.masters().names()) scene.masters().master(name).signal(SIGHUP);
    CHECK(scene.goes_on());
    REQUIRE(scene.masters().await_whole() == "");
  }
  scene.check();
}

TEST_CASE("a standby and a primary end under calls of gRPC, and none fails") {
  Scene scene(Scene::Knows::both);
  for (const auto& name : {scene.standby(), scene.primary()}) {
    scene.masters().master(name).terminate();
    CHECK(scene.masters().master(name).await_exit() == 0);
    CHECK(scene.goes_on());
    scene.masters().start_master(name);
    REQUIRE(scene.masters().await_whole() == "");
  }
  scene.check();
}

TEST_CASE("streams of gRPC go on while their server is drained and leadership is handed over") {
  GrpcCluster cluster;
  cluster.start_server("s1", Language::cpp);
  REQUIRE(cluster.masters().await_whole() == "");
  const auto primary = cluster.masters().await_primary();
  const auto standby = cluster.masters().standby_of(primary);
  std::vector<std::unique_ptr<Process>> clients;
  for (const auto& master : {primary, standby}) {
    const auto& listen = cluster.masters().listen(master);
    clients.push_back(cluster.call(Language::python, listen, {"watch:150"}));
    REQUIRE(await_output(*clients.back(), "watching"));
    clients.push_back(cluster.call(Language::python, listen, {"feed:150"}));
    REQUIRE(await_output(*clients.back(), "feeding"));
    clients.push_back(cluster.call(Language::python, listen, {"conversation"}));
    REQUIRE(await_output(*clients.back(), "talked"));
  }
  CHECK(cluster.masters().tell(primary, "/v1/workers/s1/drain").status == 200);
  REQUIRE(cluster.masters().tell(primary, "/v1/switchover").status == 200);
  REQUIRE(eventually([&] { return cluster.masters().primaries() == std::vector{standby}; }));
  for (const auto& client : clients) {
    if (client->output().find("talked") != std::string::npos) client->terminate();
  }
  for (const auto& client : clients) {
    CHECK(client->await_exit() == 0);
    INFO(client->output());
    CHECK(last_line(*client).starts_with("ok "));
  }
}

TEST_CASE("calls of gRPC that meet a frozen server are late at most, and others find another") {
  meets_frozen(WithItsWorker::no);
}

TEST_CASE(
    "calls of gRPC that meet a frozen server and its frozen tandem-worker find another, too") {
  meets_frozen(WithItsWorker::yes);
}

TEST_CASE("calls of gRPC that all servers refuse are repeated within the budget") {
  GrpcCluster cluster({"retry_on=grpc:unavailable", "retry_backoff=0s", "attempts=3",
                       "retry_methods=/tandem.interop.TestService/UnaryCall", "retry_budget=20"},
                      {"--access-log", "-"});
  for (const auto* name : {"s1", "s2"}) cluster.start_server(name, Language::cpp);
  const auto primary = cluster.masters().await_primary();
  constexpr int calls = 400;
  const auto name = fmt::format("unavailable:{}", calls);
  CHECK(cluster.finish(Language::python, cluster.masters().listen(primary), {name}) ==
        fmt::format("ok {}\n", name));
  REQUIRE(eventually(
      [&] { return attempts_of_calls(cluster.masters().master(primary)).size() == calls; }));
  const auto attempts = attempts_of_calls(cluster.masters().master(primary));
  const int repeats = std::accumulate(attempts.begin(), attempts.end(), 0) - calls;
  // A fifth of the calls, and a few that are free.
  CHECK(repeats >= calls / 6);
  CHECK(repeats <= calls / 5 + 100);
}

}  // namespace tandem::e2e::maintenance_test
