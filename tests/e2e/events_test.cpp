// What happened, as each master tells it, and which pages may read it.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/e2e/harness/pair_cluster.hpp"

using namespace tandem::e2e;

namespace {

nlohmann::json event_at(const std::string& control, const std::string& what) {
  const auto answer = get(control, "/events");
  if (answer.status != 200) return {};
  const auto document = nlohmann::json::parse(answer.body);
  for (const auto& event : document["events"]) {
    if (event.value("what", "") == what) return event;
  }
  return {};
}

}  // namespace

TEST_CASE("a change has the same id at both masters, and only their pages may read of it") {
  PairCluster cluster;
  const auto a = cluster.control("a");
  const auto b = cluster.control("b");
  const auto backend = R"({"name": "n1", "address": "127.0.0.1:9"})";
  REQUIRE(eventually([&] { return post(a, "/v1/workers", backend).status == 201; }));
  REQUIRE(eventually([&] { return event_at(b, "add").is_object(); }));
  CHECK(event_at(a, "add")["id"] == event_at(b, "add")["id"]);
  const auto allowed = [&](const std::string& origin) {
    return get(b, "/status", {{"Origin", origin}}).header("Access-Control-Allow-Origin");
  };
  CHECK(allowed("http://" + a) == "http://" + a);
  CHECK(allowed("http://evil.example").empty());
  CHECK(allowed("null").empty());
  const Headers from_a{{"Origin", "http://" + a}};
  CHECK(Client(b).post("/v1/workers/n1/drain", "", from_a).status == 403);
}
