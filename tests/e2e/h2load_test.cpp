// h2load, a load generator that others have written, at both masters while operators work: none of
// its requests fails.
#include <csignal>
#include <memory>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/e2e/harness/pair_cluster.hpp"

namespace tandem::e2e::h2load_test {
namespace {

constexpr unsigned requests = 8'000;
const std::vector<std::string> workers{"w1", "w2", "w3"};

// The masters say which requests they answered with 500 or more.
PairClusterOptions noting_failures() {
  PairClusterOptions options;
  options.arguments = {"--access-log", "-", "--access-log-filter", "status>=500"};
  return options;
}

// Two masters and three workers, and h2load at each master: some seconds of requests, ten at once
// on each of four connections.
class Scene {
 public:
  Scene() {
    cluster_.start_workers(workers);
    REQUIRE(cluster_.await_whole() == "");
    for (const auto& master : cluster_.names()) {
      const auto url = "http://" + cluster_.listen(master);
      loads_.push_back(std::make_unique<Process>(
          cluster_.dir(), "h2load-" + master,
          Arguments{"h2load", "-n", std::to_string(requests), "-c", "4", "-m", "10", "--rps", "500",
                    url + "/", url + "/slow?ms=30", url + "/bytes/100000"}));
    }
  }

  // Each of them is still at work.
  bool goes_on() {
    for (const auto& load : loads_) {
      if (!load->running()) return false;
    }
    return true;
  }
  void tell_primary(const std::string& path) {
    const auto answer =
        cluster_.send(cluster_.await_primary(), "POST", "/v1/" + path, "", patience);
    INFO(path << ": " << answer.body);
    CHECK(answer.status == 200);
  }
  // A busy standby may be silent for too long to take over at that moment: then it is tried again.
  void switch_over() {
    const auto former = cluster_.await_primary();
    const auto next = cluster_.standby_of(former);
    REQUIRE(eventually([&] {
      return cluster_.primaries() == std::vector{next} ||
             cluster_.send(former, "POST", "/v1/switchover", "", patience).status == 200;
    }));
    REQUIRE(eventually([&] { return cluster_.primaries() == std::vector{next}; }));
    REQUIRE(cluster_.await_whole() == "");
  }
  void check() {
    for (const auto& load : loads_) CHECK(load->await_exit(2 * patience) == 0);
    std::string failed;
    for (const auto& master : cluster_.names()) failed += cluster_.master(master).output();
    for (const auto& load : loads_) {
      INFO(load->output() << load->errors() << failed);
      CHECK_THAT(load->output(), Catch::Contains(fmt::format(
                                     "{} succeeded, 0 failed, 0 errored, 0 timeout", requests)));
      CHECK_THAT(load->output(), Catch::Contains(fmt::format("{} 2xx", requests)));
    }
  }

 private:
  PairCluster cluster_{noting_failures()};
  std::vector<std::unique_ptr<Process>> loads_;
};

bool is_missing() {
  if (installed("h2load")) return false;
  WARN("skipped: h2load is not installed (scripts/install-packages.sh servers)");
  return true;
}

}  // namespace

TEST_CASE("no request of h2load fails while workers are drained") {
  if (is_missing()) return;
  Scene scene;
  unsigned drains = 0;
  while (scene.goes_on()) {
    const auto worker = "workers/" + workers[drains++ % workers.size()];
    scene.tell_primary(worker + "/drain?wait_ms=20000");
    scene.tell_primary(worker + "/undrain");
  }
  CHECK(drains >= workers.size());
  scene.check();
}

TEST_CASE("no request of h2load fails while leadership is handed over again and again") {
  if (is_missing()) return;
  Scene scene;
  unsigned switchovers = 0;
  for (; scene.goes_on(); ++switchovers) scene.switch_over();
  CHECK(switchovers >= 2);
  scene.check();
}

}  // namespace tandem::e2e::h2load_test
