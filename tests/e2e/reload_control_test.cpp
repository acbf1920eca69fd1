// The control address of a master is changed while it serves.
#include <csignal>
#include <filesystem>
#include <map>
#include <memory>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tests/e2e/harness/cluster.hpp"
#include "tests/e2e/harness/load.hpp"

namespace tandem::e2e::reload_control_test {

using Catch::Contains;
using nlohmann::json;

namespace {

bool is_closed(const std::string& address) { return get(address, "/health").unconnected; }

std::string refusal_of(const Answer& answer) {
  const auto refused = json::parse(answer.body)["refused"];
  return refused.empty() ? std::string() : std::string(refused[0]["why"]);
}

// Masters whose control addresses are in their files, and two workers who know the first ones.
struct Scene {
  explicit Scene(const std::vector<std::string>& all) : names(all) {
    for (const auto& name : names) control[name] = free_address();
    for (const auto& name : names) {
      listen[name] = free_address();
      start(name, control[name]);
    }
    for (const auto* name : {"w1", "w2"}) {
      Arguments command{program("tandem-worker"),
                        "--name",
                        name,
                        "--listen",
                        "127.0.0.1:0",
                        "--state-dir",
                        dir.path(name)};
      for (const auto& [master, address] : control) {
        command.insert(command.end(), {"--master", address});
      }
      workers[name] = std::make_unique<Process>(dir, name, command);
    }
    for (const auto& name : names) CHECK(serves(name));
  }
  void start(const std::string& name, const std::string& at) {
    write(name, at);
    Arguments command{program("tandem-master"),
                      "--node",
                      name,
                      "--config",
                      file_of(name),
                      "--listen",
                      listen[name],
                      "--data-dir",
                      dir.path(name + "-data")};
    for (const auto& other : names) {
      if (other != name) command.insert(command.end(), {"--peer", other + "=" + control[other]});
    }
    masters[name] = std::make_unique<Process>(dir, name, command);
  }
  std::string file_of(const std::string& name) const { return dir.path(name + ".toml"); }
  void write(const std::string& name, const std::string& at) {
    const auto next = dir.write("next.toml", fmt::format("control = \"{}\"\n", at));
    std::filesystem::rename(next, file_of(name));
  }
  Answer move(const std::string& name, const std::string& to) {
    write(name, to);
    return post(control[name], "/v1/reload");
  }
  // With both workers.
  bool serves(const std::string& name) {
    return eventually([&] {
      const auto told = get(control[name], "/v1/workers");
      if (told.status != 200 || get(listen[name], "/").status != 200) return false;
      unsigned up = 0;
      const auto document = json::parse(told.body);
      for (const auto& worker : document["workers"]) up += worker["state"] == "up";
      return up == 2;
    });
  }
  // Where the master `name` is according to the master `asked`.
  std::string told_by(const std::string& asked, const std::string& name) const {
    const auto told = get(control.at(asked), "/v1/masters");
    if (told.status != 200) return {};
    const auto document = json::parse(told.body);
    for (const auto& master : document["masters"]) {
      if (master["name"] == name) return master["control"];
    }
    return {};
  }

  TempDir dir;
  std::vector<std::string> names;
  std::map<std::string, std::string> control, listen;
  std::map<std::string, std::unique_ptr<Process>> masters, workers;
};

}  // namespace

TEST_CASE("a master alone moves its control address, and its workers follow") {
  Scene scene({"a"});
  const auto before = scene.control["a"];
  const auto next = free_address();
  Load load(scene.listen["a"], 2);
  const auto answer = scene.move("a", next);
  INFO(answer.body);
  REQUIRE(answer.status == 200);
  CHECK(refusal_of(answer).empty());
  // Both are served at first.
  CHECK(get(next, "/health").status == 200);
  CHECK(get(before, "/health").status == 200);
  scene.control["a"] = next;
  CHECK(eventually([&] { return scene.told_by("a", "a") == next; }));
  CHECK(eventually([&] { return is_closed(before); }));
  CHECK(scene.serves("a"));
  for (const auto& [name, worker] : scene.workers) {
    worker->terminate();
    CHECK(worker->await_exit() == 0);
  }
  CHECK(eventually([&] { return !is_in("\"up\"", get(next, "/v1/workers").body); }));
  load.stop();
}

TEST_CASE("each of two masters moves its control address, and each takes over from the other") {
  Scene scene({"a", "b"});
  Load load(scene.listen["a"], 2);
  const auto first = scene.control;
  const auto leads = await_leader(scene.control);
  const std::string stands_by = leads == "a" ? "b" : "a";
  for (const auto& name : {stands_by, leads}) {
    const auto before = scene.control[name];
    const auto next = free_address();
    const auto answer = scene.move(name, next);
    INFO(answer.body);
    REQUIRE(answer.status == 200);
    scene.control[name] = next;
    for (const auto& asked : scene.names) {
      CHECK(eventually([&] { return scene.told_by(asked, name) == next; }));
    }
    CHECK(eventually([&] { return is_closed(before); }));
    CHECK(is_in("\"a\"", get(next, "/v1/masters").body));
  }
  REQUIRE(load.await_more(20));
  load.stop();
  CHECK(load.first_failure() == "");
  for (const auto& name : scene.names) CHECK(scene.serves(name));
  // Both are known by their new addresses alone, and a restart finds them there.
  scene.masters[leads]->kill9();
  CHECK(eventually([&] { return get(scene.control[stands_by], "/primary").status == 200; }));
  scene.start(leads, scene.control[leads]);
  CHECK(scene.serves(leads));
  scene.masters[stands_by]->kill9();
  CHECK(eventually([&] { return get(scene.control[leads], "/primary").status == 200; }));
  scene.start(stands_by, scene.control[stands_by]);
  CHECK(scene.serves(stands_by));
  for (const auto& [name, address] : first) CHECK(is_closed(address));
}

TEST_CASE("a control address that cannot be opened beside the old changes nothing") {
  Scene scene({"a"});
  const auto before = scene.control["a"];
  const auto port = before.substr(before.find(':'));
  // Somebody else has it.
  const auto taken = scene.move("a", scene.listen["a"]);
  CHECK(taken.status == 409);
  CHECK_THAT(taken.body, Contains("--control: cannot listen on " + scene.listen["a"]));
  CHECK(get(before, "/health").status == 200);
  // Others could reach it, and nobody is asked who it is.
  CHECK(scene.move("a", "192.0.2.1" + port).status == 409);
  CHECK_THAT(get(before, "/v1/config").body, Contains(before) && !Contains("192.0.2.1"));
  // Back before the old one was left: that is still open.
  const auto next = free_address();
  REQUIRE(scene.move("a", next).status == 200);
  REQUIRE(scene.move("a", before).status == 200);
  CHECK(eventually([&] { return scene.told_by("a", "a") == before; }));
  CHECK(eventually([&] { return is_closed(next); }));
  CHECK(get(before, "/health").status == 200);
  CHECK(scene.serves("a"));
}

}  // namespace tandem::e2e::reload_control_test
