// Health checks and panic, with the real programs.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/e2e/harness/cluster.hpp"
#include "tests/e2e/harness/load.hpp"

namespace tandem::e2e::health_test {

using nlohmann::json;

namespace {

void set(const Cluster& cluster, const json& settings) {
  const auto answer = put(cluster.control(), "/v1/services/default/settings", settings.dump());
  REQUIRE(answer.status == 200);
}

json checks(const char* path) {
  return {{"check_workers", true}, {"check_path", path}, {"check_interval_ms", 50}};
}

bool panics(const Cluster& cluster) {
  return json::parse(get(cluster.control(), "/status").body)["services"][0]["panic"];
}

std::string reason(const Cluster& cluster, const std::string& name) {
  const auto document = json::parse(get(cluster.control(), "/v1/workers").body);
  for (const auto& worker : document["workers"]) {
    if (worker["name"] == name) return worker["reason"];
  }
  return "unknown";
}

}  // namespace

TEST_CASE("a health check that every worker fails ends no service, and is reported") {
  Cluster cluster;
  cluster.start_workers({"w1", "w2", "w3"});
  CHECK_FALSE(panics(cluster));
  Load load(cluster.listen(), 2);
  set(cluster, checks("/status/503"));
  for (const auto* name : {"w1", "w2", "w3"}) REQUIRE(cluster.await_state(name, "down"));
  CHECK(reason(cluster, "w1") == "health check failed: status 503");
  REQUIRE(eventually([&] { return panics(cluster); }));
  const auto before = cluster.requests_of("w1");
  CHECK(eventually([&] { return get(cluster.listen(), "/").status == 200; }));
  CHECK(load.await_more(200));
  CHECK(eventually([&] { return cluster.requests_of("w1") > before; }));
  CHECK(json::parse(get(cluster.control(), "/v1/services/default").body)["panic"] == true);
  const auto shown = run({program("tandem"), "status", "--control", cluster.control()});
  CHECK_THAT(shown.output, Catch::Contains("3 of 3 workers are out for their health"));
  set(cluster, checks("/health"));
  for (const auto* name : {"w1", "w2", "w3"}) REQUIRE(cluster.await_state(name, "up"));
  CHECK(eventually([&] { return !panics(cluster); }));
  CHECK(reason(cluster, "w1").empty());
}

TEST_CASE("a backend is checked by the path and for the statuses that its service names") {
  Cluster cluster;
  Process service(cluster.dir(), "service",
                  {program("tandem-worker"), "--name", "service", "--listen", "127.0.0.1:0",
                   "--master", "127.0.0.1:1"});
  const auto address = field_of(service.await_line("tandem-worker ready"), "listen");
  const json spec{{"name", "n1"}, {"service", "side"}, {"address", address}};
  const auto settings = [&](const json& said) {
    return put(cluster.control(), "/v1/services/side/settings", said.dump()).status;
  };
  REQUIRE(settings({{"check_path", "/status/404"}, {"check_status", "200-299"}}) == 200);
  REQUIRE(post(cluster.control(), "/v1/workers", spec.dump()).status / 100 == 2);
  CHECK(eventually([&] { return reason(cluster, "n1") == "health check failed: status 404"; }));
  CHECK(cluster.state_of("n1") == "down");
  REQUIRE(settings({{"check_path", "/status/204"}, {"check_status", "204"}}) == 200);
  CHECK(cluster.await_state("n1", "up"));
}

TEST_CASE("a lone worker that fails each request stays, and the status says so") {
  Cluster cluster;
  cluster.start_workers({"w1"});
  const auto check = [&] {
    return run({program("tandem"), "status", "--check", "--control", cluster.control()});
  };
  CHECK(check().status == 0);
  for (int i = 0; i < 6; ++i) CHECK(get(cluster.listen(), "/status/500").status == 500);
  CHECK(cluster.state_of("w1") == "up");
  CHECK(check().output == "NO SERVICE the only worker w1 is up: its last 6 requests failed\n");
  CHECK(check().status == 4);
  CHECK(reason(cluster, "w1") == "its last 6 requests failed");
  CHECK(get(cluster.listen(), "/").status == 200);
  CHECK(check().status == 0);
}

TEST_CASE("a cluster that no worker has joined is not well") {
  Cluster cluster;
  REQUIRE(eventually([&] { return get(cluster.control(), "/primary").status == 200; }));
  const auto checked =
      run({program("tandem"), "status", "--check", "--control", cluster.control()});
  CHECK(checked.output == "NO SERVICE no worker has joined: requests are answered 503\n");
  CHECK(checked.status == 4);
  CHECK(get(cluster.listen(), "/").status == 503);
}

TEST_CASE("a service that a route names is part of the health before it has a worker") {
  Cluster cluster;
  cluster.start_workers({"w1"});
  const auto tandem = [&](Arguments words) {
    words.insert(words.begin(), {program("tandem"), "--control", cluster.control()});
    return run(words);
  };
  CHECK(tandem({"status", "--check"}).status == 0);
  REQUIRE(tandem({"route", "add", "/pay=payments"}).status == 0);
  CHECK(get(cluster.listen(), "/pay").status == 503);
  const auto checked = tandem({"status", "--check"});
  CHECK(checked.output == "DEGRADED service payments has no worker that takes requests\n");
  CHECK(checked.status == 3);
  CHECK(get(cluster.control(), "/metrics")
            .body.find("tandem_service_workers{service=\"payments\"} 0") != std::string::npos);
  REQUIRE(tandem({"route", "remove", "/pay"}).status == 0);
  CHECK(tandem({"status", "--check"}).status == 0);
}

TEST_CASE("a master that was frozen does nothing for those who have given up meanwhile") {
  Cluster cluster;
  cluster.start_workers({"w1", "w2"});
  cluster.master().freeze();
  {
    Client leaving(cluster.control(), 200ms);
    CHECK(leaving.post("/v1/workers/w1/drain", "").status == 0);
  }
  cluster.master().thaw();
  // It accepts connections in their order.
  REQUIRE(post(cluster.control(), "/v1/workers/w2/drain", "").status == 200);
  CHECK(cluster.state_of("w2") == "draining");
  CHECK(cluster.state_of("w1") != "draining");
  CHECK(get(cluster.control(), "/events").body.find("w1 is drained") == std::string::npos);
}

}  // namespace tandem::e2e::health_test
