// Upgrades to a program or a configuration that could not serve in the place of the process that
// does: nothing has changed, and why is said.
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "common/wire/features.hpp"
#include "tests/e2e/harness/load.hpp"
#include "tests/e2e/upgradable_master.hpp"

namespace tandem::e2e::upgrade_refused_test {
namespace {

// Starts the program with `arguments` after those of the master, of which `replaced`, a command of
// sed, changes some.
void start_with(const UpgradableMaster& master, const std::string& arguments,
                const std::string& replaced = "") {
  write_script(master.program_file(), fmt::format("exec {} $(echo \"$@\" | sed '{}') {}\n",
                                                  program("tandem-master"), replaced, arguments));
}

}  // namespace

TEST_CASE(
    "an upgrade to a configuration that cannot be in force changes nothing, and why is said") {
  UpgradableMaster master;
  Load load(master.listen(), 2);
  const auto before = master.process();
  const auto refused = [&](const std::string& why) {
    const auto told = master.upgrade();
    INFO(told.output << told.errors);
    CHECK(told.status == 1);
    CHECK(is_in(why, told.errors));
    CHECK(master.process() == before);
  };
  SECTION("an address of another machine") {
    start_with(master, "--listen 192.0.2.1:80");
    refused("--listen 192.0.2.1:80: cannot listen: Cannot assign requested address");
  }
  SECTION("an address at which somebody else listens") {
    start_with(master, "--listen " + master.control());
    refused(fmt::format("--listen {}: cannot listen: Address already in use", master.control()));
  }
  SECTION("an inner address at which somebody else listens") {
    start_with(master, "--listen-inner " + master.control());
    refused(
        fmt::format("--listen-inner {}: cannot listen: Address already in use", master.control()));
  }
  SECTION("the control address as that of clients too") {
    start_with(master, "--listen " + master.control(),
               fmt::format("s/--control [^ ]*/--control {}/", master.control()));
    refused(fmt::format("--listen {}: cannot listen: it is the control address", master.control()));
  }
  SECTION("a control address at which somebody else listens") {
    start_with(master, "", fmt::format("s/--control [^ ]*/--control {}/", master.listen()));
    refused(fmt::format("--control: cannot listen on {}: Address already in use", master.listen()));
  }
  SECTION("another name") {
    start_with(master, "--node z");
    refused("--node z: this master is a in its cluster");
  }
  SECTION("a feature level that the cluster has passed") {
    REQUIRE(eventually([&] {
      return is_in(fmt::format(R"("feature_level":{},)", wire::features::newest),
                   get(master.control(), "/status").body);
    }));
    start_with(master, "--feature-level 3");
    refused("--feature-level 3: the cluster is at feature level");
  }
  SECTION("a backend that is given twice") {
    start_with(master, "--backend 127.0.0.1:9 --backend 127.0.0.1:9");
    refused("--backend: 127.0.0.1:9 is given twice");
  }
  SECTION("a route that is given twice") {
    start_with(master, "--route /x=y --route /x=z");
    refused("--route: the route /x is given twice");
  }
  CHECK(load.await_more(20));
  master.install();
  const auto told = master.upgrade();
  INFO(told.output << told.errors << master.errors());
  CHECK(told.status == 0);
  CHECK(load.await_more(20));
  load.stop();
  CHECK(load.first_failure() == "");
}

TEST_CASE("a new process that takes long is waited for, and holds nothing else up") {
  const TempDir dir;
  const auto file = dir.write("master.toml", "rate-limit = \"100000\"\n");
  UpgradableMaster master({"--config", file});
  const auto before = master.process();
  const auto started = dir.path("started");
  const auto go = dir.path("go");
  // Longer than any other answer is waited for.
  write_script(master.program_file(),
               fmt::format("touch {}; sleep 5; while [ ! -e {} ]; do sleep 0.05; done\nexec {} "
                           "\"$@\"\n",
                           started, go, program("tandem-master")));
  auto upgrade = std::async(std::launch::async, [&] { return master.upgrade(); });
  CHECK(eventually([&] { return std::filesystem::exists(started); }));
  const auto second = master.upgrade();
  CHECK(second.status == 1);
  CHECK(is_in("an upgrade is under way", second.errors));
  const auto reloaded = run({program("tandem"), "--control", master.control(), "reload"});
  INFO(reloaded.errors);
  CHECK(reloaded.status == 0);
  CHECK(master.process() == before);
  std::ofstream(go).flush();
  const auto told = upgrade.get();
  INFO(told.output << told.errors);
  CHECK(told.status == 0);
  CHECK(master.await_end(before));
  CHECK(master.serves());
}

}  // namespace tandem::e2e::upgrade_refused_test
