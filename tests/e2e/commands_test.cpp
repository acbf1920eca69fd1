// The commands of `tandem` that change where requests go and what is in force, at a real master.
#include <algorithm>
#include <functional>
#include <regex>
#include <set>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tests/e2e/harness/cluster.hpp"
#include "tests/e2e/harness/pair_cluster.hpp"

namespace tandem::e2e::commands_test {

using Catch::Contains;
using nlohmann::json;

namespace {

struct Scene {
  explicit Scene(const Arguments& master = {}) : cluster(master) {}
  Finished tandem(Arguments words) const {
    words.insert(words.begin(), {program("tandem"), "--control", cluster.control()});
    return run(words);
  }
  // What a command prints that must succeed.
  std::string done(const Arguments& words) const {
    const auto finished = tandem(words);
    INFO(finished.errors);
    CHECK(finished.status == 0);
    return finished.output;
  }
  std::string refused(const Arguments& words) const {
    const auto finished = tandem(words);
    CHECK(finished.status == 1);
    return finished.errors;
  }
  Cluster cluster;
};

// The words below a command, and its flags, as --help shows them.
struct Helped {
  std::set<std::string> commands;
  std::set<std::string> flags;
};

Helped helped(const Arguments& path) {
  Arguments words{program("tandem")};
  words.insert(words.end(), path.begin(), path.end());
  words.push_back("--help");
  const auto text = run(words).output;
  Helped found;
  const std::regex flag("^  (--[a-z-]+)");
  const std::regex command("^  ([a-z]+)  +");
  std::istringstream lines(text);
  bool in_commands = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) in_commands = false;
    if (line.starts_with("Subcommands:")) in_commands = true;
    std::smatch match;
    if (std::regex_search(line, match, flag)) found.flags.insert(match[1]);
    if (in_commands && std::regex_search(line, match, command)) found.commands.insert(match[1]);
  }
  return found;
}

}  // namespace

TEST_CASE("routes are added, listed and removed by commands") {
  const Scene scene;
  CHECK_THAT(scene.done({"route", "add", "shop.example/api=shop,strip"}),
             Contains("is answered by shop"));
  const auto listed = scene.done({"route", "list"});
  CHECK_THAT(listed, Contains("shop.example") && Contains("/api") && Contains("yes"));
  CHECK(json::parse(scene.done({"route", "list", "--json"}))["routes"].size() == 1);
  CHECK_THAT(scene.refused({"route", "remove", "shop.example/other"}),
             Contains("there is no route"));
  scene.done({"route", "remove", "shop.example/api"});
  CHECK(json::parse(scene.done({"route", "list", "--json"}))["routes"].empty());
  CHECK(scene.tandem({"route", "add", "nonsense"}).status == 2);
}

TEST_CASE("a backend is added and removed by commands, and its weight changed") {
  Scene scene;
  Cluster other;
  other.start_workers({"o1"});
  scene.done({"backend", "add", other.listen(), "--name", "b1", "--weight", "7"});
  REQUIRE(scene.cluster.await_state("b1", "up"));
  CHECK(scene.cluster.workers().at("b1").weight == 7);
  scene.done({"weight", "b1", "9"});
  CHECK(scene.cluster.workers().at("b1").weight == 9);
  scene.done({"weight", "b1", "own"});
  CHECK(scene.cluster.workers().at("b1").weight == 7);
  CHECK(scene.tandem({"weight", "b1", "much"}).status == 2);
  scene.done({"drain", "b1", "--wait"});
  CHECK(scene.cluster.state_of("b1") == "draining");
  scene.done({"undrain", "b1", "--wait"});
  CHECK(scene.cluster.state_of("b1") == "up");
  scene.done({"backend", "remove", "b1"});
  CHECK(scene.cluster.state_of("b1") == "unknown");
}

TEST_CASE("a backend is known by its address, and a worker that heartbeats is none") {
  Scene scene;
  scene.cluster.start_workers({"w1"});
  CHECK(scene.done({"backend", "add", "127.0.0.1:9"}) ==
        "127.0.0.1:9 is added as 127.0.0.1-9; it gets requests once a check is good\n");
  CHECK_THAT(scene.refused({"backend", "remove", "w1"}),
             Contains("w1 is no backend but a worker that heartbeats: tandem remove w1"));
  CHECK(scene.cluster.state_of("w1") == "up");
  scene.done({"backend", "remove", "127.0.0.1:9"});
  CHECK(scene.cluster.state_of("127.0.0.1-9") == "unknown");
}

TEST_CASE("settings of a service are set and unset, and a service nobody knows is an error") {
  Scene scene({"--service", "files:attempts=2"});
  scene.cluster.start_worker("s1", {"--listen", "127.0.0.1:0", "--service", "shop"});
  REQUIRE(scene.cluster.await_state("s1", "up"));
  const auto listed = scene.done({"service", "list"});
  CHECK_THAT(listed, Contains("shop") && Contains("files"));
  CHECK_THAT(scene.refused({"service", "show", "shpo"}), Contains("did you mean \"shop\"?"));
  CHECK_THAT(scene.refused({"service", "set", "shpo", "attempts=2"}), Contains("shpo"));
  scene.done({"service", "set", "shop", "attempts=2", "request_timeout=5s"});
  CHECK_THAT(scene.done({"service", "show", "shop"}),
             Contains("attempts=2") && Contains("request_timeout=5s"));
  CHECK_THAT(scene.refused({"service", "unset", "shop", "atempts"}),
             Contains("did you mean \"attempts\"?"));
  scene.done({"service", "unset", "shop", "attempts"});
  CHECK(scene.done({"service", "show", "shop"}) == "request_timeout=5s\n");
  scene.done({"service", "unset", "shop"});
  CHECK(scene.done({"service", "show", "shop"}) == "nothing is set\n");
  scene.done({"service", "set", "later", "attempts=2", "--new"});
  CHECK(scene.done({"service", "show", "later"}) == "attempts=2\n");
  CHECK(scene.tandem({"service"}).status == 2);
}

TEST_CASE("the configuration is shown with where it comes from, compared and read again") {
  const TempDir dir;
  const auto file = dir.write("m.toml", "idle-timeout = \"30s\"\n");
  Scene scene({"--config", file});
  scene.done({"service", "set", "shop", "attempts=2", "--new"});
  const auto shown = scene.done({"config", "show"});
  const std::regex from_file("idle-timeout +\"30s\" +.*m\\.toml:1 +at once");
  CHECK(std::regex_search(shown, from_file));
  CHECK(std::regex_search(shown, std::regex("service.shop.attempts +\"2\" +replicated")));
  CHECK(std::regex_search(shown, std::regex("node +\"a\" +flag +restart")));
  CHECK_THAT(shown, !Contains("connect-timeout"));
  CHECK_THAT(scene.done({"config", "show", "--all"}), Contains("connect-timeout"));
  CHECK_THAT(scene.done({"config", "diff"}), Contains("what is in force"));
  dir.write("m.toml", "idle-timeout = \"31s\"\nthreads = 3\n");
  CHECK_THAT(scene.done({"config", "diff"}), Contains("\"31s\"") && Contains("needs a restart"));
  CHECK_THAT(scene.done({"reload"}), Contains("applied") && Contains("needs a restart") &&
                                         Contains("`tandem upgrade` changes what needs a restart"));
  dir.write("m.toml", "idel-timeout = \"31s\"\n");
  CHECK_THAT(scene.refused({"reload"}), Contains("did you mean \"idle-timeout\"?"));
}

TEST_CASE("the level of the log is shown and changed by a command") {
  Scene scene;
  CHECK(scene.done({"log", "level"}) == "info\n");
  CHECK(scene.done({"log", "level", "debug"}) == "debug\n");
  CHECK(scene.done({"log", "level"}) == "debug\n");
  CHECK(scene.tandem({"log", "level", "loud"}).status == 2);
  CHECK_THAT(scene.done({"config", "show"}), Contains("request"));
}

TEST_CASE("a switchover that waits returns when a standby is in sync, and tells its progress") {
  PairCluster cluster;
  cluster.start_workers({"w1"});
  const auto before = cluster.await_primary();
  const auto other = cluster.standby_of(before);
  const auto done = run({program("tandem"), "--control", cluster.control(before), "--control",
                         cluster.control(other), "switchover", "--wait"});
  INFO(done.errors);
  CHECK(done.status == 0);
  CHECK(cluster.await_primary() == other);
}

TEST_CASE("completion of both shells has every command and every flag of each") {
  const auto bash = run({program("tandem"), "completion", "bash"}).output;
  const auto zsh = run({program("tandem"), "completion", "zsh"}).output;
  const std::function<void(const Arguments&)> look = [&](const Arguments& path) {
    const auto words = helped(path);
    const auto place = fmt::format("'{}')", fmt::join(path, " "));
    INFO(place);
    const auto line_of = [&](const std::string& function) {
      const auto begin = bash.find(function + "() {");
      const auto at = bash.find(place, begin);
      return at == bash.npos ? std::string() : bash.substr(at, bash.find('\n', at) - at);
    };
    const auto list = [&] {
      const auto at = zsh.rfind("    " + place);
      return zsh.substr(at, zsh.find(";;", at) - at);
    }();
    for (const auto& flag : words.flags) {
      CHECK_THAT(line_of("_tandem_flags"), Contains(flag));
      CHECK_THAT(list, Contains("'" + flag + ":"));
    }
    for (const auto& command : words.commands) {
      CHECK_THAT(line_of("_tandem_commands"), Contains(command));
      CHECK_THAT(list, Contains("'" + command + ":"));
      auto below = path;
      below.push_back(command);
      look(below);
    }
  };
  look({});
  const auto completed = [&](const std::string& words, int at) {
    const auto script = fmt::format(
        "source <('{}' completion bash); COMP_WORDS=({}); COMP_CWORD={}; _tandem; "
        "echo \"${{COMPREPLY[*]}}\"",
        program("tandem"), words, at);
    return run({"/bin/bash", "-c", script}).output;
  };
  CHECK(completed("tandem rou", 1) == "route\n");
  CHECK(completed("tandem --control 127.0.0.1:7070 route ''", 4) == "list add remove\n");
  CHECK(completed("tandem drain --ti", 2) == "--timeout\n");
  CHECK(completed("tandem service set --ne", 3) == "--new\n");
  // Names are those that a master knows; without one there are none, and no word of that.
  Scene scene;
  scene.cluster.start_workers({"w1", "w2"});
  scene.done({"backend", "add", "127.0.0.1:9", "--name", "b1"});
  const auto at = fmt::format("'{}' --control {} ", program("tandem"), scene.cluster.control());
  CHECK(completed(at + "drain ''", 4) == "b1 w1 w2\n");
  CHECK(completed(at + "drain w", 4) == "w1 w2\n");
  CHECK(completed(at + "backend remove ''", 5) == "b1\n");
  CHECK(completed(at + "service show ''", 5) == "default\n");
  CHECK(completed(at + "weight w1 ''", 5) == "\n");
  const auto nobody = fmt::format("'{}' --control 127.0.0.1:1 drain ''", program("tandem"));
  CHECK(completed(nobody, 4) == "\n");
}

}  // namespace tandem::e2e::commands_test
