#include "worker/program/target_probe.hpp"

#include <atomic>

#include "tests/unit/worker/recording_master.hpp"
#include "tests/unit/worker/serving.hpp"

namespace tandem::test::target_probe_test {
namespace {

TargetCheck quick(unsigned unhealthy) {
  TargetCheck check;
  check.interval = 1ms;
  check.unhealthy = unhealthy;
  return check;
}

}  // namespace

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
  const TargetProbe probe(target.address(), quick(1), [&](const TargetProbe::Result& result) {
    const std::lock_guard lock(mutex);
    reports.emplace_back(result.alive, result.why);
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

TEST_CASE("a target that refuses connections is failing at once, whatever the threshold") {
  std::atomic<bool> failing{false};
  const TargetProbe probe({"127.0.0.1", 1}, quick(1'000), [&](const TargetProbe::Result& result) {
    failing = !result.alive && result.why == "no connection";
  });
  CHECK(eventually([&] { return failing.load(); }));
}

TEST_CASE("a target is found at the one of its name's addresses that answers") {
  Serving target([](httplib::Server& server) {
    server.Get("/up", [](const httplib::Request&, httplib::Response&) {});
  });
  auto check = quick(1);
  check.path = "/up";
  std::mutex mutex;
  std::optional<TargetProbe::Result> last;
  const TargetProbe probe({"localhost", target.address().port}, check,
                          [&](const TargetProbe::Result& result) {
                            const std::lock_guard lock(mutex);
                            last = result;
                          });
  CHECK(eventually([&] {
    const std::lock_guard lock(mutex);
    return last && last->alive && last->address == target.address();
  }));
}

TEST_CASE("a target whose name has no address is failing with that reason") {
  std::mutex mutex;
  std::optional<TargetProbe::Result> last;
  const TargetProbe probe({"nowhere.invalid", 80}, quick(1),
                          [&](const TargetProbe::Result& result) {
                            const std::lock_guard lock(mutex);
                            last = result;
                          });
  CHECK(eventually([&] {
    const std::lock_guard lock(mutex);
    return last && !last->alive && !last->address &&
           last->why.find("nowhere.invalid") != std::string::npos;
  }));
}

TEST_CASE("a target is probed as it was told last") {
  Serving target([](httplib::Server& server) {
    server.Get("/health",
               [](const httplib::Request&, httplib::Response& response) { response.status = 503; });
    server.Get("/up", [](const httplib::Request&, httplib::Response&) {});
  });
  std::atomic<bool> alive{false};
  std::atomic<bool> reported{false};
  TargetProbe probe(target.address(), quick(1), [&](const TargetProbe::Result& result) {
    alive = result.alive;
    reported = true;
  });
  REQUIRE(eventually([&] { return reported.load(); }));
  CHECK(!alive);
  auto other = quick(1);
  other.path = "/up";
  probe.check_by(other);
  CHECK(eventually([&] { return alive.load(); }));
}

}  // namespace tandem::test::target_probe_test
