#include "worker/program/target_probe.hpp"

#include <atomic>

#include "tests/unit/worker/recording_master.hpp"
#include "tests/unit/worker/serving.hpp"

using namespace tandem;
using namespace tandem::test;

TEST_CASE(
    "a target is alive when it answers with any status below 500, and reports come with changes") {
  std::atomic<int> status{404};
  Serving target([&status](httplib::Server& server) {
    server.Get("/health", [&status](const httplib::Request&, httplib::Response& response) {
      response.status = status;
    });
  });
  std::mutex mutex;
  std::vector<std::pair<bool, std::string>> reports;
  const auto reported = [&](std::size_t count) {
    return eventually([&] {
      const std::lock_guard lock(mutex);
      return reports.size() == count;
    });
  };
  const TargetProbe probe(target.address(), 1ms, [&](bool alive, const std::string& why) {
    const std::lock_guard lock(mutex);
    reports.emplace_back(alive, why);
  });
  REQUIRE(reported(1));
  status = 500;
  REQUIRE(reported(2));
  status = 200;
  REQUIRE(reported(3));
  CHECK(reports[0] == std::pair(true, std::string()));
  CHECK(reports[1] == std::pair(false, std::string("status 500")));
  CHECK(reports[2] == std::pair(true, std::string()));
}

TEST_CASE("a target that does not answer is failing") {
  std::atomic<bool> failing{false};
  const TargetProbe probe({"127.0.0.1", 1}, 1ms, [&](bool alive, const std::string& why) {
    failing = !alive && why == "no connection";
  });
  CHECK(eventually([&] { return failing.load(); }));
}
