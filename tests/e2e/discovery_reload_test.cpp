// Registries that are read from a reload on, and by the process that takes the place of another.
#include <filesystem>
#include <memory>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/e2e/discovery_scene.hpp"
#include "tests/e2e/upgradable_master.hpp"

namespace tandem::e2e::discovery_reload_test {
namespace {

std::string state_at(const std::string& control, const std::string& worker) {
  const auto answer = get(control, "/v1/workers");
  if (answer.status != 200) return "unknown";
  const auto document = Json::parse(answer.body);
  for (const auto& each : document.at("workers")) {
    if (each.at("name") == worker) return each.at("state").get<std::string>();
  }
  return "unknown";
}

bool await_at(const std::string& control, const std::string& worker, const std::string& state) {
  return eventually([&] { return state_at(control, worker) == state; });
}

}  // namespace

TEST_CASE("a reload begins and ends to read registries, and workers that stay are not touched") {
  ConsulAgent agent;
  ConsulAgent other;
  ListedServer one("one");
  ListedServer two("two");
  agent.list({one.port()}, 5);
  other.list({two.port()}, 5);
  TempDir dir;
  const auto file = dir.path("m.toml");
  const auto write = [&](const std::string& sources) {
    std::filesystem::rename(
        dir.write("next", fmt::format("discover = [{}]\n[service.default]\ncheck_interval = "
                                      "\"50ms\"\n",
                                      sources)),
        file);
  };
  const auto text = [](const ConsulAgent& where, const std::string& more = {}) {
    return fmt::format(R"("default=consul:{}{}")", where.address(), more);
  };
  write("");
  Cluster cluster({"--config", file});
  const auto reload = [&](const std::string& sources) {
    write(sources);
    const auto answer = post(cluster.control(), "/v1/reload");
    INFO(answer.body);
    REQUIRE(answer.status == 200);
  };
  reload(text(agent));
  REQUIRE(cluster.await_state(one.worker(), "up"));
  reload(text(agent) + "," + text(other));
  REQUIRE(cluster.await_state(two.worker(), "up"));
  CHECK(cluster.state_of(one.worker()) == "up");
  // Written in another way it lists the same, even while nobody answers.
  const auto requests = cluster.requests_of(two.worker());
  other.say("", 6, "500 Internal Server Error");
  reload(text(agent) + "," + text(other, ",tag=blue"));
  CHECK(cluster.state_of(two.worker()) == "up");
  CHECK(cluster.requests_of(two.worker()) >= requests);
  reload(text(other, ",tag=blue"));
  CHECK(cluster.state_of(one.worker()) == "unknown");
  CHECK(cluster.state_of(two.worker()) == "up");
  write(R"("default=consul:nowhere")");
  CHECK(post(cluster.control(), "/v1/reload").status == 409);
  CHECK(cluster.state_of(two.worker()) == "up");
  reload("");
  CHECK(cluster.state_of(two.worker()) == "unknown");
  CHECK(source_of(cluster.control()).is_null());
}

TEST_CASE(
    "the process that takes the place of another has the workers of a registry that is away") {
  ConsulAgent agent;
  ListedServer one("one");
  UpgradableMaster scene(discovering("default=consul:" + agent.address()));
  agent.list({one.port()}, 5);
  REQUIRE(await_at(scene.control(), one.worker(), "up"));
  agent.say("", 6, "500 Internal Server Error");
  REQUIRE(await_source(scene.control(), "lost"));
  const auto before = scene.process();
  const auto upgraded = scene.upgrade();
  INFO(upgraded.errors);
  REQUIRE(upgraded.status == 0);
  REQUIRE(eventually([&] { return scene.process() != before && scene.process() != 0; }));
  REQUIRE(await_at(scene.control(), one.worker(), "up"));
  agent.list({one.port()}, 7);
  REQUIRE(await_source(scene.control(), "read"));
  CHECK(state_at(scene.control(), one.worker()) == "up");
}

}  // namespace tandem::e2e::discovery_reload_test
