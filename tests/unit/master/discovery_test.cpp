// The services, as programs read them that were written for a Consul agent or for Prometheus.
#include <sys/stat.h>

#include <fstream>
#include <future>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "common/access/tokens_file.hpp"
#include "tests/unit/master/control_fixture.hpp"
#include "tests/unit/master/temporary_directory.hpp"

namespace tandem::master::discovery_test {

using Json = nlohmann::json;

namespace {

std::string heartbeat(const std::string& name, const std::string& service,
                      const std::string& state = "up") {
  auto document = Json::parse(heartbeat_json(name));
  document["service"] = service;
  document["state"] = state;
  return document.dump();
}

Json ask(ControlClient& client, const std::string& path) {
  const auto answer = client.get(path);
  INFO(path << ": " << answer.body);
  REQUIRE(answer.status == 200);
  return Json::parse(answer.body);
}

std::uint64_t index_of(const Answer& answer) {
  return std::stoull(answer.fields.at("X-Consul-Index"));
}

}  // namespace

TEST_CASE("services and their workers are told as a Consul agent tells of them") {
  ControlFixture cluster;
  ControlClient client(cluster.plane.address());
  REQUIRE(client.post("/heartbeat", heartbeat("w1", "web")).status == 200);
  REQUIRE(client.post("/heartbeat", heartbeat("w2", "web", "failing")).status == 200);
  REQUIRE(client.post("/heartbeat", heartbeat("w3", "shop")).status == 200);
  CHECK(ask(client, "/v1/catalog/services") == Json{{"shop", {"http1"}}, {"web", {"http1"}}});
  const auto all = ask(client, "/v1/health/service/web?dc=tandem&stale=");
  REQUIRE(all.size() == 2);
  CHECK(all[0]["Service"]["ID"] == "w1");
  CHECK(all[0]["Service"]["Service"] == "web");
  CHECK(all[0]["Service"]["Address"] == "127.0.0.1");
  CHECK(all[0]["Service"]["Port"] == 9001);
  CHECK(all[0]["Service"]["Weights"]["Passing"] == 100);
  CHECK(all[0]["Checks"][0]["Status"] == "passing");
  CHECK(all[1]["Checks"][0]["Status"] == "critical");
  CHECK(all[1]["Checks"][0]["Output"] == "its service fails its health check");
  const auto passing = ask(client, "/v1/health/service/web?passing");
  REQUIRE(passing.size() == 1);
  CHECK(passing[0]["Node"]["Node"] == "w1");
  CHECK(ask(client, "/v1/health/service/nothing").empty());
  const auto listed = ask(client, "/v1/catalog/service/web");
  REQUIRE(listed.size() == 2);
  CHECK(listed[1]["ServiceID"] == "w2");
  CHECK(ask(client, "/v1/agent/self")["Config"]["Datacenter"] == "tandem");
}

TEST_CASE("Prometheus is told each worker as a target, with what is known of it") {
  ControlFixture cluster;
  ControlClient client(cluster.plane.address());
  REQUIRE(client.post("/heartbeat", heartbeat("w1", "web")).status == 200);
  const auto targets = ask(client, "/v1/discovery/prometheus");
  REQUIRE(targets.size() == 1);
  CHECK(targets[0]["targets"] == Json{"127.0.0.1:9001"});
  CHECK(targets[0]["labels"]["__meta_tandem_service"] == "web");
  CHECK(targets[0]["labels"]["__meta_tandem_worker"] == "w1");
  CHECK(targets[0]["labels"]["__meta_tandem_state"] == "up");
}

TEST_CASE("who has the newest index waits until there is news") {
  ControlFixture cluster;
  ControlClient client(cluster.plane.address());
  REQUIRE(client.post("/heartbeat", heartbeat("w1", "web")).status == 200);
  REQUIRE(eventually([&] { return cluster.traffic("web") == "w1"; }));
  const auto known = client.get("/v1/health/service/web?passing=1");
  const auto index = index_of(known);
  CHECK(known.fields.at("ETag") == "\"" + std::to_string(index) + "\"");
  const auto path = "/v1/health/service/web?passing=1&wait=60s&index=" + std::to_string(index);
  auto waiting = std::async(std::launch::async, [&] {
    ControlClient other(cluster.plane.address());
    return other.get(path);
  });
  REQUIRE(client.post("/heartbeat", heartbeat("w2", "web")).status == 200);
  const auto answer = waiting.get();
  CHECK(Json::parse(answer.body).size() == 2);
  CHECK(index_of(answer) > index);
  // An index that is not the newest is another master's, or older.
  CHECK(client.get("/v1/health/service/web?wait=60s&index=1000000").status == 200);
  const auto in_vain = "/v1/catalog/services?wait=1ms&index=" + std::to_string(index_of(answer));
  CHECK(index_of(client.get(in_vain)) == index_of(answer));
}

TEST_CASE("what would be ignored is refused") {
  ControlFixture cluster;
  ControlClient client(cluster.plane.address());
  for (const std::string query : {"filter=x", "near=_agent", "index=x", "index=-1",
                                  "index=99999999999999999999", "wait=5", "wait=-1s"}) {
    CAPTURE(query);
    CHECK(client.get("/v1/health/service/web?" + query).status == 400);
  }
}

TEST_CASE("a token is taken from X-Consul-Token, too") {
  TemporaryDirectory directory;
  const auto path = (directory.path() / "tokens.toml").string();
  const std::string token = "secret-of-viewer-0123456";
  std::ofstream(path) << *access::write_entry({.name = "viewer", .role = access::Role::viewer},
                                              access::hash_of(token));
  REQUIRE(::chmod(path.c_str(), 0600) == 0);
  ControlPlaneOptions options;
  options.node = "a";
  options.tokens_file = path;
  ControlFixture cluster(options);
  ControlClient client(cluster.plane.address());
  CHECK(client.get("/v1/catalog/services").status == 401);
  CHECK(client.get("/v1/catalog/services", {{"X-Consul-Token", token}}).status == 200);
  CHECK(client.get("/v1/catalog/services", {{"X-Consul-Token", "wrong"}}).status == 401);
}

TEST_CASE("who has the newest of a service is told when there is no news, and when there is") {
  ControlFixture cluster;
  ControlClient client(cluster.plane.address());
  const auto serve = [&](const std::string& name) {
    return client.post("/heartbeat", heartbeat(name, "web")).status == 200;
  };
  REQUIRE(eventually([&] { return serve("w1") && cluster.traffic("web") == "w1"; }));
  REQUIRE(eventually([&] {
    const auto tag = client.get("/v1/services/web").fields.at("ETag");
    return serve("w1") &&
           client.get("/v1/services/web?wait=1ms", {{"If-None-Match", tag}}).status == 304;
  }));
  const auto known = client.get("/v1/services/web").fields;
  CHECK(known.at("ETag") == "\"" + known.at("Tandem-Index") + "\"");
  const auto path = "/v1/services/web?wait=1ms&index=" + known.at("Tandem-Index");
  CHECK(client.get(path).status == 200);
  // What is no tag of ours is old.
  for (const std::string other : {"*", "12", "\"x\"", "\"99999999999999999999999\""}) {
    CHECK(client.get("/v1/services/web?wait=60s", {{"If-None-Match", other}}).status == 200);
  }
  CHECK(client.get("/v1/services/none?wait=1ms").status == 404);
  CHECK(client.get("/v1/services/web?wait=x").status == 400);
  CHECK(client.get("/v1/services/web?tag=x").status == 400);
  auto watching = std::async(std::launch::async, [&] {
    ControlClient other(cluster.plane.address());
    std::string tag = "none";
    for (int i = 0; i < 100; ++i) {
      const auto answer = other.get("/v1/services/web?wait=60s", {{"If-None-Match", tag}});
      tag = answer.fields.at("ETag");
      if (Json::parse(answer.body)["instances"].size() == 2) return true;
    }
    return false;
  });
  REQUIRE(eventually([&] {
    return serve("w1") && serve("w2") &&
           watching.wait_for(std::chrono::milliseconds(10)) == std::future_status::ready;
  }));
  CHECK(watching.get());
}

}  // namespace tandem::master::discovery_test
