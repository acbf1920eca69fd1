// Twenty upgrades in a row of a master with clients by the thousand. How many can be chosen:
// TANDEM_IDLE_CLIENTS, TANDEM_BUSY_CLIENTS, TANDEM_UPGRADES.
#include <cstdlib>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "common/wire/status.hpp"
#include "tests/e2e/harness/many_clients.hpp"
#include "tests/e2e/harness/pair_cluster.hpp"
#include "tests/e2e/upgradable_master.hpp"

namespace tandem::e2e::many_upgrades_test {
namespace {

std::size_t chosen(const char* variable, std::size_t by_default) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? by_default : std::stoul(text);
}

// What the test asks for, and whether this machine lets a process have as many descriptors: a
// client each, a connection to a worker for each that is busy, and those of the upgrade.
struct Plan {
  std::size_t idle = chosen("TANDEM_IDLE_CLIENTS", 10'000);
  std::size_t busy = chosen("TANDEM_BUSY_CLIENTS", 2'000);
  std::size_t upgrades = chosen("TANDEM_UPGRADES", 20);

  bool is_possible() const {
    const auto limit = raise_descriptor_limit();
    const bool is_enough = limit >= idle + 3 * busy + 1'000;
    if (!is_enough) WARN("skipped: the limit on open files is " << limit);
    return is_enough;
  }
};

// All clients that are busy wait for a worker at times, and nobody is refused for that.
const Arguments patient{"--service", "default:queue=8192", "--service",
                        "default:queue_timeout=30s"};

struct Crowd {
  Crowd(const std::string& address, const Plan& plan)
      : idle(address, plan.idle), busy(address, plan.busy) {}

  ManyClients idle;
  ManyClients busy;
};

// The one that leads; empty: nobody does.
std::string leading(const PairCluster& cluster) {
  for (const auto& name : cluster.names()) {
    if (get(cluster.control(name), "/primary").status == 200) return name;
  }
  return {};
}

// A loss would be survived, and no process of an upgrade is left.
bool is_well(const std::string& control) {
  const auto status = tandem::wire::parse_status(get(control, "/status").body);
  return status.ok() && status->protected_ && !status->former_process;
}

}  // namespace

TEST_CASE(
    "ten thousand idle clients and two thousand busy ones keep their connections over twenty "
    "upgrades, also while workers die",
    "[.long]") {
  const Plan plan;
  if (!plan.is_possible()) return;
  UpgradableMaster master(patient);
  Crowd crowd(master.listen(), plan);
  CHECK(crowd.idle.ask() == plan.idle);
  crowd.busy.start();
  for (std::size_t round = 0; round < plan.upgrades; ++round) {
    const auto before = master.process();
    const std::string worker = round % 4 == 1 ? "w1" : round % 4 == 3 ? "w2" : "";
    if (!worker.empty()) master.kill_worker(worker);
    const auto told = master.upgrade();
    INFO(round << " " << told.output << told.errors << master.errors());
    REQUIRE(told.status == 0);
    REQUIRE(is_in(fmt::format("has taken the place of {}", before), told.output));
    if (!worker.empty()) master.start_worker(worker);
    REQUIRE(master.await_end(before));
    REQUIRE(crowd.busy.await_more(plan.busy));
    REQUIRE(crowd.busy.first_failure() == "");
    REQUIRE(master.await_workers());
    if (round % 5 == 4) {
      CHECK(crowd.idle.ask() == plan.idle);
      CHECK(crowd.idle.first_failure() == "");
    }
  }
  crowd.busy.stop();
  INFO(master.errors());
  CHECK(crowd.busy.first_failure() == "");
  CHECK(crowd.busy.failed() == 0);
  CHECK(crowd.idle.ask() == plan.idle);
  CHECK(crowd.idle.first_failure() == "");
}

TEST_CASE("the same where another master takes over meanwhile, and both are upgraded in turn",
          "[.long]") {
  const Plan plan;
  if (!plan.is_possible()) return;
  PairClusterOptions options;
  options.arguments = patient;
  PairCluster cluster(options);
  cluster.start_workers({"w1", "w2"});
  ManyClients idle_at_a(cluster.listen("a"), plan.idle / 2);
  ManyClients idle_at_b(cluster.listen("b"), plan.idle / 2);
  ManyClients busy_at_a(cluster.listen("a"), plan.busy / 2);
  ManyClients busy_at_b(cluster.listen("b"), plan.busy / 2);
  CHECK(idle_at_a.ask() == plan.idle / 2);
  CHECK(idle_at_b.ask() == plan.idle / 2);
  busy_at_a.start();
  busy_at_b.start();
  const auto failure = [&] { return busy_at_a.first_failure() + busy_at_b.first_failure(); };
  for (std::size_t round = 0; round < plan.upgrades; ++round) {
    // The primary, which hands over; so the next one is the other. What the harness started has
    // ended by then, and is not asked for.
    std::string name;
    REQUIRE(eventually([&] { return !(name = leading(cluster)).empty(); }));
    const auto told = run({program("tandem"), "--control", cluster.control(name), "upgrade"});
    INFO(round << " " << name << " " << told.output << told.errors);
    REQUIRE(told.status == 0);
    CHECK(busy_at_a.await_more(plan.busy));
    CHECK(busy_at_b.await_more(plan.busy));
    REQUIRE(failure() == "");
    REQUIRE(eventually([&] { return is_well(cluster.control(name)); }));
  }
  busy_at_a.stop();
  busy_at_b.stop();
  CHECK(failure() == "");
  CHECK(idle_at_a.ask() == plan.idle / 2);
  CHECK(idle_at_b.ask() == plan.idle / 2);
  CHECK(idle_at_a.first_failure() + idle_at_b.first_failure() == "");
}

}  // namespace tandem::e2e::many_upgrades_test
