// Services that register as with a Consul agent, at a real control plane.
#include <sys/stat.h>

#include <fstream>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "common/access/tokens_file.hpp"
#include "tests/unit/master/control_fixture.hpp"
#include "tests/unit/master/temporary_directory.hpp"

namespace tandem::master::agent_test {

using Json = nlohmann::json;

namespace {

constexpr auto register_path = "/v1/agent/service/register";

Json service(const std::string& id, std::uint16_t port = 9001) {
  return {{"Name", "web"},
          {"ID", id},
          {"Address", "127.0.0.1"},
          {"Port", port},
          {"Check", {{"TTL", "60s"}}}};
}

Json read(const Answer& answer) {
  INFO(answer.body);
  REQUIRE(answer.status == 200);
  return Json::parse(answer.body);
}

std::string token_of(const std::string& name) { return "secret-of-" + name + "-0123456"; }

}  // namespace

TEST_CASE(
    "a service that registers and reports is a worker, and one that fails or leaves is none") {
  ControlFixture cluster;
  ControlClient client(cluster.plane.address());
  auto made = service("web/1 a:b");
  made["Tags"] = {"v2", "x\"y"};
  made["Meta"] = {{"zone", "a"}};
  REQUIRE(client.put(register_path, made.dump()).status == 200);
  auto health = read(client.get("/v1/health/service/web"));
  REQUIRE(health.size() == 1);
  CHECK(health[0]["Service"]["ID"] == "web/1 a:b");
  CHECK(health[0]["Service"]["Tags"] == made["Tags"]);
  CHECK(health[0]["Service"]["Meta"] == made["Meta"]);
  CHECK(health[0]["Checks"][1]["Status"] == "critical");
  CHECK(read(client.get("/v1/health/service/web?passing")).empty());
  // As clients send it: encoded, or as it is.
  REQUIRE(client.put("/v1/agent/check/pass/service:web/1%20a%3Ab?note=well", "").status == 200);
  REQUIRE(eventually([&] { return !cluster.traffic("web").empty(); }));
  health = read(client.get("/v1/health/service/web?passing&tag=v2&tag=x%22y"));
  REQUIRE(health.size() == 1);
  CHECK(health[0]["Checks"][1]["Output"] == "well");
  CHECK(read(client.get("/v1/health/service/web?tag=v3")).empty());
  CHECK(read(client.get("/v1/catalog/services"))["web"] == made["Tags"]);
  CHECK(read(client.get("/v1/agent/services"))["web/1 a:b"]["Port"] == 9001);
  CHECK(read(client.get("/v1/agent/checks"))["service:web/1 a:b"]["Status"] == "passing");
  REQUIRE(client.put("/v1/agent/check/fail/service:web/1%20a:b", "").status == 200);
  REQUIRE(eventually([&] { return cluster.traffic("web").empty(); }));
  const auto update = Json{{"Status", "passing"}, {"Output", "again"}}.dump();
  REQUIRE(client.put("/v1/agent/check/update/service:web/1%20a:b", update).status == 200);
  REQUIRE(eventually([&] { return !cluster.traffic("web").empty(); }));
  REQUIRE(client.put("/v1/agent/service/deregister/web/1%20a:b", "").status == 200);
  REQUIRE(eventually([&] { return cluster.traffic("web").empty(); }));
  CHECK(client.put("/v1/agent/check/pass/service:web/1%20a:b", "").status == 404);
  CHECK(client.put("/v1/agent/service/deregister/web/1%20a:b", "").status == 404);
  CHECK(client.send("GET", "/v1/agent/check/pass/x").status == 405);
}

TEST_CASE("who waits for news of a service hears of a warning, which changes no traffic") {
  ControlFixture cluster;
  ControlClient client(cluster.plane.address());
  REQUIRE(client.put(register_path, service("w1").dump()).status == 200);
  REQUIRE(client.put("/v1/agent/check/pass/service:w1", "").status == 200);
  REQUIRE(eventually([&] { return cluster.traffic("web") == "w1"; }));
  const auto before = client.get("/v1/health/service/web").fields.at("X-Consul-Index");
  REQUIRE(client.put("/v1/agent/check/warn/service:w1?note=slow", "").status == 200);
  CHECK(client.get("/v1/health/service/web").fields.at("X-Consul-Index") != before);
  CHECK(cluster.traffic("web") == "w1");
  CHECK(read(client.get("/v1/health/service/web?passing")).empty());
}

TEST_CASE("the address of a worker or a master is nobody else's") {
  ControlFixture cluster;
  ControlClient client(cluster.plane.address());
  REQUIRE(client.post("/heartbeat", heartbeat_json("native", 9555)).status == 200);
  CHECK(client.put(register_path, service("native", 9556).dump()).status == 409);
  CHECK(client.put(register_path, service("w", cluster.plane.address().port).dump()).status == 409);
  auto probing = service("w", 9557);
  probing["Check"] = {{"TCP", cluster.plane.address().to_string()}, {"Interval", "1s"}};
  CHECK(client.put(register_path, probing.dump()).status == 409);
  CHECK(read(client.get("/v1/agent/services")).empty());
  auto elsewhere = service("w", 80);
  elsewhere["Address"] = "169.254.169.254";
  CHECK(client.put(register_path, elsewhere.dump()).status == 400);
  CHECK(client.put(register_path, "{").status == 400);
  CHECK(client.put(register_path, std::string(1000, '[')).status == 400);
  CHECK(client.put(register_path + std::string("?x=1"), service("w").dump()).status == 400);
}

TEST_CASE("an operator who removes the worker has removed the registration") {
  ControlFixture cluster;
  ControlClient client(cluster.plane.address());
  REQUIRE(client.put(register_path, service("w1").dump()).status == 200);
  REQUIRE(client.put("/v1/agent/check/pass/service:w1", "").status == 200);
  REQUIRE(eventually([&] { return cluster.traffic("web") == "w1"; }));
  REQUIRE(client.remove("/v1/workers/w1?now=true").status == 200);
  REQUIRE(
      eventually([&] { return client.put("/v1/agent/check/pass/service:w1", "").status == 404; }));
  CHECK(cluster.traffic("web") != "w1");
  // As its service does, which learns of it by that.
  REQUIRE(client.put(register_path, service("w1").dump()).status == 200);
  REQUIRE(client.put("/v1/agent/check/pass/service:w1", "").status == 200);
  CHECK(eventually([&] { return cluster.traffic("web") == "w1"; }));
}

TEST_CASE("registrations outlive their master, if it has a data directory") {
  TemporaryDirectory directory;
  ControlPlaneOptions options;
  options.node = "a";
  options.data_dir = (directory.path() / "data").string();
  {
    ControlFixture cluster(options);
    ControlClient client(cluster.plane.address());
    REQUIRE(client.put(register_path, service("w1").dump()).status == 200);
    REQUIRE(client.put("/v1/agent/check/pass/service:w1", "").status == 200);
    REQUIRE(client.put(register_path, service("w2", 9002).dump()).status == 200);
    REQUIRE(eventually([&] { return cluster.traffic("web") == "w1"; }));
    // What is reported is kept with the next change.
    REQUIRE(client.put("/v1/agent/service/deregister/w2", "").status == 200);
  }
  ControlFixture cluster(options);
  ControlClient client(cluster.plane.address());
  CHECK(eventually([&] { return cluster.traffic("web") == "w1"; }));
  CHECK(client.put("/v1/agent/check/pass/service:w1", "").status == 200);
  CHECK(client.put("/v1/agent/check/pass/service:w2", "").status == 404);
}

TEST_CASE("a token registers what its scope allows, and sees its own") {
  TemporaryDirectory directory;
  const auto path = (directory.path() / "tokens.toml").string();
  {
    std::ofstream file(path);
    for (const std::string name : {"team", "other"}) {
      access::EntryText entry{.name = name, .role = access::Role::worker};
      entry.names = {name + "-*"};
      entry.services = {"web"};
      file << *access::write_entry(entry, access::hash_of(token_of(name)));
    }
    file << *access::write_entry({.name = "viewer", .role = access::Role::viewer},
                                 access::hash_of(token_of("viewer")));
  }
  REQUIRE(::chmod(path.c_str(), 0600) == 0);
  ControlPlaneOptions options;
  options.node = "a";
  options.tokens_file = path;
  ControlFixture cluster(options);
  ControlClient team(cluster.plane.address(), token_of("team"));
  ControlClient other(cluster.plane.address(), token_of("other"));
  ControlClient viewer(cluster.plane.address(), token_of("viewer"));
  CHECK(viewer.put(register_path, service("team-1").dump()).status == 403);
  CHECK(team.put(register_path, service("other-1").dump()).status == 403);
  auto unsaid = service("team-1");
  unsaid.erase("Address");
  REQUIRE(team.put(register_path, unsaid.dump()).status == 200);
  auto elsewhere = service("team-2");
  elsewhere["Address"] = "10.1.2.3";
  CHECK(team.put(register_path, elsewhere.dump()).status == 403);
  auto else_service = service("team-2");
  else_service["Name"] = "shop";
  CHECK(team.put(register_path, else_service.dump()).status == 403);
  CHECK(other.put("/v1/agent/check/pass/service:team-1", "").status == 409);
  CHECK(other.put("/v1/agent/service/deregister/team-1", "").status == 409);
  CHECK(team.put("/v1/agent/check/pass/service:team-1", "").status == 200);
  CHECK(read(team.get("/v1/agent/self"))["Config"]["NodeName"] == "a");
  CHECK(read(team.get("/v1/agent/services")).size() == 1);
  CHECK(read(other.get("/v1/agent/services")).empty());
  CHECK(read(viewer.get("/v1/agent/services")).size() == 1);
  CHECK(team.get("/v1/catalog/services").status == 403);
  CHECK(team.post("/cluster/registrations", "{}").status == 403);
}

TEST_CASE("what one master is told all know, also one that starts later") {
  // Each names the other by its control address, so that is chosen first.
  const auto free_port = [] {
    ControlFixture probe;
    return probe.plane.address();
  };
  TemporaryDirectory directory;
  ControlPlaneOptions a;
  a.node = "a";
  a.data_dir = (directory.path() / "a").string();
  a.control = free_port();
  ControlPlaneOptions b;
  b.node = "b";
  b.data_dir = (directory.path() / "b").string();
  b.control = free_port();
  a.peers[core::NodeId("b")] = b.control;
  b.peers[core::NodeId("a")] = a.control;
  UnwatchedPlane first(a);
  const auto started = first.plane.start();
  INFO((started ? "" : started.error().message));
  REQUIRE(started.ok());
  first.plane.take_part();
  ControlClient at_a(a.control);
  REQUIRE(at_a.put(register_path, service("w1").dump()).status == 200);
  UnwatchedPlane second(b);
  REQUIRE(second.plane.start().ok());
  second.plane.take_part();
  ControlClient at_b(b.control);
  const auto known = [](ControlClient& client, const std::string& id) {
    return read(client.get("/v1/agent/services")).contains(id);
  };
  REQUIRE(eventually([&] { return known(at_b, "w1"); }));
  // At once, when it is answered.
  REQUIRE(eventually([&] {
    return at_b.put(register_path, service("w2", 9002).dump()).status == 200 && known(at_a, "w2");
  }));
  REQUIRE(at_b.put("/v1/agent/check/pass/service:w1", "").status == 200);
  REQUIRE(eventually(
      [&] { return read(at_a.get("/v1/agent/checks"))["service:w1"]["Status"] == "passing"; }));
  REQUIRE(at_b.put("/v1/agent/service/deregister/w1", "").status == 200);
  CHECK_FALSE(known(at_a, "w1"));
  CHECK(known(at_a, "w2"));
}

}  // namespace tandem::master::agent_test
