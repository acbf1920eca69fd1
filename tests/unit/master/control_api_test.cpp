#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "common/wire/error_document.hpp"
#include "common/wire/heartbeat.hpp"
#include "common/wire/status.hpp"
#include "tests/unit/master/control_fixture.hpp"

namespace tandem::master::control_api_test {

using Json = nlohmann::json;

namespace {
std::string field_at_fault(const Answer& answer) {
  return Json::parse(answer.body).at("error").value("field", "");
}
std::string code_of(const Answer& answer) {
  return Json::parse(answer.body).at("error").at("code");
}
}  // namespace

TEST_CASE("a worker registers by its first heartbeat and is told the interval") {
  ControlFixture cluster({.worker_heartbeat = 700ms});
  ControlClient client(cluster.plane.address());
  const auto answer = client.post("/heartbeat", heartbeat_json("w1"));
  CHECK(answer.status == 200);
  CHECK(answer.fields.at("Content-Type") == "application/json");
  const auto reply = wire::parse_heartbeat_reply(answer.body);
  REQUIRE(reply.ok());
  CHECK(reply->node == "a");
  CHECK(reply->role == "primary");
  CHECK(reply->primary == "a");
  CHECK(reply->interval == 700ms);
  CHECK(reply->registered);
  CHECK(eventually([&] { return cluster.traffic() == "w1"; }));
}

TEST_CASE("a worker that says bye is told that it is registered no more") {
  ControlFixture cluster;
  ControlClient client(cluster.plane.address());
  REQUIRE(client.post("/heartbeat", heartbeat_json("w1")).status == 200);
  auto bye = Json::parse(heartbeat_json("w1"));
  bye["state"] = "bye";
  const auto answer = client.post("/heartbeat", bye.dump());
  CHECK(answer.status == 200);
  CHECK(!wire::parse_heartbeat_reply(answer.body)->registered);
  CHECK(eventually([&] { return cluster.traffic().empty(); }));
}

TEST_CASE("a heartbeat with a mistake is refused by the name of the member, and changes nothing") {
  ControlFixture cluster;
  ControlClient client(cluster.plane.address());
  const auto with = [](const char* member, const Json& value) {
    auto heartbeat = Json::parse(heartbeat_json("w1"));
    heartbeat[member] = value;
    return heartbeat.dump();
  };
  const std::vector<std::pair<std::string, std::string>> mistakes{
      {with("name", "a b"), "name"},
      {with("name", 5), "name"},
      {with("name", std::string(65, 'x')), "name"},
      {with("incarnation", ""), "incarnation"},
      {with("service", "a/b"), "service"},
      {with("address", "127.0.0.1"), "address"},
      {with("address", "host.example:80"), "address"},
      {with("address", "127.0.0.1:0"), "address"},
      {with("weight", 1001), "weight"},
      {with("weight", "much"), "weight"},
      {with("connections", 0), "connections"},
      {with("connections", 1.5), "connections"},
      {with("in_flight", -1), "in_flight"},
      {with("state", "tired"), "state"},
      {with("extra", Json::object()), "extra"},
      {"", ""},
      {"{", ""},
      {"[]", ""},
      {"nonsense", ""}};
  for (const auto& [body, field] : mistakes) {
    INFO(body);
    const auto answer = client.post("/heartbeat", body);
    CHECK(answer.status == 400);
    CHECK(code_of(answer) == "invalid");
    CHECK(field_at_fault(answer) == field);
  }
  CHECK(Json::parse(client.get("/v1/workers").body)["workers"].empty());
  CHECK(client.post("/heartbeat", with("extra", 1)).status == 200);  // newer workers say more
}

TEST_CASE("a second live worker of one name gets 409") {
  ControlFixture cluster;
  ControlClient client(cluster.plane.address());
  REQUIRE(client.post("/heartbeat", heartbeat_json("w1", 9001, "one")).status == 200);
  const auto answer = client.post("/heartbeat", heartbeat_json("w1", 9002, "two"));
  CHECK(answer.status == 409);
  CHECK(code_of(answer) == "conflict");
  CHECK(field_at_fault(answer) == "name");
}

TEST_CASE("status has every member that scripts rely on") {
  ControlFixture cluster({.node = "node-1", .listen = Endpoint{"127.0.0.1", 8080}});
  ControlClient client(cluster.plane.address());
  REQUIRE(client.post("/heartbeat", heartbeat_json("w1")).status == 200);
  const auto status = Json::parse(client.get("/status").body);
  for (const auto* member : {"cluster", "node", "role", "term", "protected", "primary",
                             "commit_index", "applied_index", "voters", "workers"}) {
    INFO(member);
    CHECK(status.contains(member));
  }
  CHECK(status["node"] == "node-1");
  CHECK(status["role"] == "primary");
  CHECK(status["term"] >= 1);
  CHECK(status["protected"] == false);
  CHECK(status["primary"]["node"] == "node-1");
  CHECK(status["primary"]["control"] == cluster.plane.address().to_string());
  CHECK(status["primary"]["listen"] == "127.0.0.1:8080");
  CHECK(status["voters"][0]["name"] == "node-1");
  CHECK(status["voters"][0]["kind"] == "master");
  const auto& worker = status["workers"][0];
  for (const auto* member :
       {"name", "service", "address", "state", "weight", "in_flight", "last_heartbeat_ms"}) {
    INFO(member);
    CHECK(worker.contains(member));
  }
  CHECK(worker["state"] == "up");
  CHECK(wire::parse_status(client.get("/status").body).ok());
}

TEST_CASE("the address of clients is in the status once it is known") {
  ControlFixture cluster;
  ControlClient client(cluster.plane.address());
  CHECK(Json::parse(client.get("/status").body)["primary"]["listen"] == "");
  cluster.plane.set_listen(Endpoint{"127.0.0.1", 1234});
  CHECK(Json::parse(client.get("/status").body)["primary"]["listen"] == "127.0.0.1:1234");
}

TEST_CASE("health and readiness are told apart") {
  ControlFixture cluster;
  ControlClient client(cluster.plane.address());
  CHECK(client.get("/health").status == 200);
  CHECK(client.get("/ready").status == 200);
  cluster.plane.set_draining(true);
  CHECK(client.get("/health").status == 200);
  const auto answer = client.get("/ready");
  CHECK(answer.status == 503);
  CHECK(answer.fields.contains("Retry-After"));
  CHECK(code_of(answer) == "unavailable");
}

TEST_CASE("a master without peers is the primary and no standby") {
  ControlFixture cluster;
  ControlClient client(cluster.plane.address());
  CHECK(client.get("/primary").status == 200);
  CHECK(client.get("/standby").status == 503);
}

TEST_CASE("HEAD is answered as GET is, without the body") {
  ControlFixture cluster;
  ControlClient client(cluster.plane.address());
  for (const auto* path : {"/health", "/status", "/v1/workers", "/primary"}) {
    const auto head = client.head(path);
    CHECK(head.status == 200);
    CHECK(head.body.empty());
    CHECK(std::stoul(head.fields.at("Content-Length")) > 0);
  }
  CHECK(client.head("/standby").status == 503);
}

TEST_CASE("unknown paths are 404 and unknown methods 405 with what is allowed") {
  ControlFixture cluster;
  ControlClient client(cluster.plane.address());
  for (const auto* path : {"//", "/nothing", "/v1", "/v1/workers/", "/v1/workers/a/b", "/status/",
                           "/v1/workers//drain"}) {
    INFO(path);
    const auto answer = client.get(path);
    CHECK(answer.status == 404);
    CHECK(code_of(answer) == "not_found");
  }
  const std::vector<std::tuple<std::string, std::string, std::string>> mistakes{
      {"GET", "/heartbeat", "POST"},
      {"DELETE", "/status", "GET, HEAD"},
      {"PUT", "/v1/workers", "GET, HEAD, POST"},
      {"POST", "/v1/workers/w1", "GET, HEAD, DELETE"},
      {"GET", "/v1/workers/w1/drain", "POST"}};
  for (const auto& [method, path, allowed] : mistakes) {
    INFO(method << " " << path);
    const auto answer = client.send(method, path);
    CHECK(answer.status == 405);
    CHECK(answer.fields.at("Allow") == allowed);
    CHECK(code_of(answer) == "method_not_allowed");
  }
}

TEST_CASE("a worker is drained, weighed and undrained by its name") {
  ControlFixture cluster;
  ControlClient client(cluster.plane.address());
  REQUIRE(client.post("/heartbeat", heartbeat_json("w1")).status == 200);
  const auto drained = client.post("/v1/workers/w1/drain");
  CHECK(drained.status == 200);
  CHECK(Json::parse(drained.body)["workers"][0]["state"] == "draining");
  CHECK(eventually([&] { return cluster.traffic().empty(); }));
  CHECK(client.post("/v1/workers/w1/undrain", "{}").status == 200);
  CHECK(eventually([&] { return cluster.traffic() == "w1"; }));
  CHECK(client.post("/v1/workers/w1/weight", R"({"weight": 7})").status == 200);
  CHECK(eventually([&] { return cluster.shown("w1")->weight == 7; }));
  CHECK(client.post("/v1/workers/w1/weight", R"({"weight": null})").status == 200);
  CHECK(eventually([&] { return cluster.shown("w1")->weight == 100; }));
}

TEST_CASE("decisions with mistakes are refused and change nothing") {
  ControlFixture cluster;
  ControlClient client(cluster.plane.address());
  REQUIRE(client.post("/heartbeat", heartbeat_json("w1")).status == 200);
  for (const auto* action : {"drain", "undrain", "weight"}) {
    const auto body = std::string_view(action) == "weight" ? R"({"weight": 7})" : "";
    INFO(action);
    CHECK(client.post(fmt::format("/v1/workers/nobody/{}", action), body).status == 404);
    const auto answer = client.post(fmt::format("/v1/workers/a%20b/{}", action), body);
    CHECK(answer.status == 400);
    CHECK(field_at_fault(answer) == "name");
  }
  for (const auto* body :
       {"", "{}", R"({"weight": 1001})", R"({"weight": -1})", R"({"weight": "7"})",
        R"({"weight": 1.5})", R"({"weight": 7, "more": 1})", "7"}) {
    INFO(body);
    CHECK(client.post("/v1/workers/w1/weight", body).status == 400);
  }
  CHECK(client.post("/v1/workers/w1/weight", R"({"weight": 1000})").status == 200);
  CHECK(client.post("/v1/workers/w1/drain", R"({"now": true})").status == 400);
  const auto worker = Json::parse(client.get("/v1/workers/w1").body)["workers"][0];
  CHECK(worker["state"] == "up");
  CHECK(worker["weight"] == 1000);
}

TEST_CASE("a backend is added, listed and removed by hand") {
  ControlFixture cluster({.worker_heartbeat = 50ms});
  FixedBackend backend("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  ControlClient client(cluster.plane.address());
  const auto spec =
      fmt::format(R"({{"name": "n1", "address": "{}"}})", backend.address().to_string());
  const auto added = client.post("/v1/workers", spec);
  CHECK(added.status == 201);
  CHECK(added.fields.at("Location") == "/v1/workers/n1");
  CHECK(eventually([&] { return cluster.traffic() == "n1"; }));
  const auto shown = Json::parse(client.get("/v1/workers/n1").body)["workers"][0];
  CHECK(shown["kind"] == "backend");
  CHECK(client.post("/v1/workers", spec).status == 409);
  CHECK(client.remove("/v1/workers/n1").status == 200);
  CHECK(client.get("/v1/workers/n1").status == 404);
  CHECK(client.remove("/v1/workers/n1").status == 404);
  CHECK(eventually([&] { return cluster.traffic() == "no such service"; }));
}

TEST_CASE("a backend with a mistake is refused by the name of the member") {
  ControlFixture cluster;
  ControlClient client(cluster.plane.address());
  const std::vector<std::pair<std::string, std::string>> mistakes{
      {"{}", "address"},
      {R"({"address": "0.0.0.0:80"})", "address"},
      {R"({"address": "10.0.0.5"})", "address"},
      {R"({"address": "10.0.0.5:80", "name": "a b"})", "name"},
      {R"({"address": "10.0.0.5:80", "weight": 1001})", "weight"},
      {R"({"address": "10.0.0.5:80", "wieght": 5})", "wieght"}};
  for (const auto& [body, field] : mistakes) {
    INFO(body);
    const auto answer = client.post("/v1/workers", body);
    CHECK(answer.status == 400);
    CHECK(field_at_fault(answer) == field);
  }
  CHECK(Json::parse(client.get("/v1/workers").body)["workers"].empty());
}

TEST_CASE("a route is set, listed and removed, each change answered with it alone") {
  ControlFixture cluster;
  ControlClient client(cluster.plane.address());
  CHECK(client.post("/v1/routes", R"({"prefix": "/a", "service": "s"})").status == 201);
  const auto set = client.post("/v1/routes", R"({"host": "H", "prefix": "/b/", "service": "s"})");
  CHECK(set.status == 201);
  REQUIRE(Json::parse(set.body)["routes"].size() == 1);
  CHECK(Json::parse(set.body)["routes"][0]["host"] == "h");
  CHECK(Json::parse(client.get("/v1/routes").body)["routes"].size() == 2);
  const auto removed = client.remove("/v1/routes?prefix=%2Fb&host=h");
  CHECK(removed.status == 200);
  CHECK(Json::parse(removed.body)["routes"] == Json::parse(set.body)["routes"]);
  CHECK(Json::parse(client.get("/v1/routes").body)["routes"].size() == 1);
  CHECK(client.remove("/v1/routes?prefix=/b&host=h").status == 404);
  for (const auto* query : {"", "host=h", "prefix=/a&prefix=/a", "path=/a"}) {
    INFO(query);
    CHECK(client.remove(fmt::format("/v1/routes?{}", query)).status == 400);
  }
  CHECK(client.post("/v1/routes", R"({"prefix": "/a"})").status == 400);
}

TEST_CASE("what is said of a service is set, shown, refused when it is wrong, and forgotten") {
  ControlFixture cluster;
  ControlClient client(cluster.plane.address());
  constexpr auto path = "/v1/services/shop/settings";
  CHECK(client.get(path).body == "{}");
  const auto said = R"({"balance":"random","request_timeout_ms":2000,)"
                    R"("retry_methods":["GET","POST"],"retry_on":[502,503]})";
  const auto set = client.put(path, said);
  CHECK(set.status == 200);
  CHECK(Json::parse(set.body) == Json::parse(said));
  CHECK(Json::parse(client.get(path).body) == Json::parse(said));
  const auto refused = client.put(path, R"({"attempts": 99})");
  CHECK(refused.status == 400);
  CHECK(field_at_fault(refused) == "attempts");
  CHECK(client.put("/v1/services/a%20b/settings", "{}").status == 400);
  CHECK(Json::parse(client.get(path).body) == Json::parse(said));
  CHECK(client.remove(path).status == 200);
  CHECK(client.get(path).body == "{}");
  CHECK(client.remove(path).status == 404);
}

TEST_CASE("what the configuration says of a service cannot be changed through the API") {
  ControlPlaneOptions options;
  options.services["shop"].rules.attempts = 2;
  ControlFixture cluster(options);
  ControlClient client(cluster.plane.address());
  constexpr auto path = "/v1/services/shop/settings";
  CHECK(client.get(path).body == R"({"attempts":2})");
  CHECK(client.put(path, "{}").status == 409);
  CHECK(client.remove(path).status == 409);
}

TEST_CASE("a page of another site can change nothing") {
  ControlFixture cluster;
  ControlClient client(cluster.plane.address());
  const auto own = "http://" + cluster.plane.address().to_string();
  for (const auto* origin : {"http://evil.example", "null", "https://127.0.0.1"}) {
    INFO(origin);
    const auto answer = client.post("/heartbeat", heartbeat_json("w1"), {{"Origin", origin}});
    CHECK(answer.status == 403);
    CHECK(code_of(answer) == "forbidden");
  }
  CHECK(Json::parse(client.get("/v1/workers").body)["workers"].empty());
  CHECK(client.post("/heartbeat", heartbeat_json("w1"), {{"Origin", own}}).status == 200);
}

TEST_CASE("discovery lists the live instances of each service") {
  ControlFixture cluster;
  ControlClient client(cluster.plane.address());
  for (const auto* name : {"w2", "w1"}) {
    REQUIRE(client.post("/heartbeat", heartbeat_json(name)).status == 200);
  }
  REQUIRE(client.post("/v1/workers/w2/drain").status == 200);
  const auto services = Json::parse(client.get("/v1/services").body)["services"];
  REQUIRE(services.size() == 1);
  CHECK(services[0]["name"] == "default");
  const auto service = Json::parse(client.get("/v1/services/default").body);
  REQUIRE(service["instances"].size() == 1);
  CHECK(service["instances"][0]["name"] == "w1");
  CHECK(client.get("/v1/services/other").status == 404);
  CHECK(client.get("/v1/services/a%2fb").status == 400);
}

TEST_CASE("masters are added and removed in the first moment of a cluster, without asking twice") {
  ControlFixture fixture({.node = "a"});
  ControlClient client(fixture.plane.address());
  const auto added = client.post("/v1/masters", R"({"name": "b", "address": "127.0.0.1:1"})");
  CHECK(added.status == 201);
  std::vector<std::string> names;
  const auto document = Json::parse(added.body);
  for (const auto& master : document.at("masters")) names.push_back(master.at("name"));
  CHECK(names == std::vector<std::string>{"a", "b"});
  CHECK(client.remove("/v1/masters/b").status == 200);
}

TEST_CASE("any master says who the masters are, and where their clients connect") {
  ControlFixture fixture({.node = "a", .listen = Endpoint{"127.0.0.1", 8080}});
  ControlClient client(fixture.plane.address());
  const auto answer = client.get("/v1/masters");
  CHECK(answer.status == 200);
  const auto masters = Json::parse(answer.body).at("masters");
  CHECK(masters.dump() ==
        fmt::format(R"([{{"control":"{}","listen":"127.0.0.1:8080","name":"a","votes":true}}])",
                    fixture.plane.address().to_string()));
}

}  // namespace tandem::master::control_api_test
