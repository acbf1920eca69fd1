// Workers that fail more often than the others.
#include <catch2/catch.hpp>

#include "master/registry/ejection.hpp"
#include "tests/unit/master/registry_fixture.hpp"

namespace tandem::master::success_rate_test {
namespace {

// The places of the outliers among workers that answered so many of a hundred well: "4 2".
std::string outliers(const std::vector<unsigned>& good_of_100, double factor = 1.9) {
  std::vector<Outcomes> workers;
  for (const auto good : good_of_100) workers.push_back({good, 100 - good});
  std::string places;
  for (const auto& outlier : SuccessRate{.factor = factor}.outliers(workers)) {
    places += fmt::format("{}{}", places.empty() ? "" : " ", outlier.place);
  }
  return places;
}

// A service of workers that are judged by their success rates.
struct Judged : RegistryFixture {
  explicit Judged(int count, const char* factor = "1.9") {
    wire::ServiceSettings settings;
    const auto text = fmt::format("eject_success_rate={}", factor);
    REQUIRE(wire::parse_setting(text, "setting", settings));
    REQUIRE(registry.apply(*registry.set_settings("default", settings), time).ok());
    for (int i = 1; i <= count; ++i) names.push_back(fmt::format("w{}", i));
    pass_hearing(1s, names);
    for (const auto& name : names) counters.push_back(shown(name)->counters);
  }
  // An interval in which each worker answers a hundred requests, so many of them well.
  void interval(const std::vector<unsigned>& good) {
    for (std::size_t i = 0; i < good.size(); ++i) {
      counters[i]->good += good[i];
      counters[i]->bad += 100 - good[i];
    }
    pass_hearing(10s, names);
  }
  std::string ejected() {
    std::string list;
    for (const auto& worker : registry.found_out(time).ejected) list += worker.name + " ";
    return list;
  }
  std::vector<std::string> names;
  std::vector<std::shared_ptr<WorkerCounters>> counters;
};

}  // namespace

TEST_CASE("a worker that fails much more often than the others is an outlier") {
  CHECK(outliers({99, 99, 71, 99, 99}) == "2");
  CHECK(outliers({50, 50, 0, 50, 50}) == "2");
  CHECK(outliers({99, 99, 99, 65, 60, 99, 99, 99, 99, 99, 99, 99}) == "4 3");
  CHECK(outliers({99, 99, 71, 99, 99}, 2.1) == "");
}

TEST_CASE("workers that are alike have no outlier, nor does chance make one") {
  CHECK(outliers({100, 100, 100, 100, 100}) == "");
  CHECK(outliers({0, 0, 0, 0, 0}) == "");
  CHECK(outliers({100, 100, 100, 100, 98}) == "");
  CHECK(outliers({100, 100, 100, 100, 97}) == "4");
}

TEST_CASE("fewer than five workers, or a hundred requests, tell nothing") {
  CHECK(outliers({99, 99, 50, 99}) == "");
  const std::vector<Outcomes> few{{99, 1}, {99, 1}, {99, 1}, {99, 1}, {0, 99}};
  CHECK(SuccessRate().outliers(few).empty());
}

TEST_CASE("a worker is ejected for its success rate, and says so and for how long") {
  Judged cluster(5);
  cluster.interval({99, 99, 99, 99, 71});
  CHECK(cluster.ejected() == "w5 ");
  const auto worker = *cluster.registry.worker("w5", cluster.time);
  CHECK(worker.state == "suspect");
  CHECK(worker.reason == "success rate 71 % against 99 %");
  CHECK(worker.until_ms.has_value());
  CHECK(*worker.until_ms <= 10'000);
  CHECK(cluster.traffic() == "w1 w2 w3 w4 w5");  // loops leave it alone by its counters
}

TEST_CASE("each ejection for a success rate is longer than the last") {
  Judged cluster(5);
  std::vector<std::int64_t> lengths;
  for (int i = 0; i < 3; ++i) {
    cluster.interval({99, 99, 99, 99, 71});
    auto& counters = *cluster.counters[4];
    lengths.push_back((counters.ejected_until - counters.ejected_at) / 1'000'000'000);
    counters.ejected_until = 0;  // a request that it answered has closed it
  }
  CHECK(lengths == std::vector<std::int64_t>{10, 20, 40});
}

TEST_CASE("at most half of a service is ejected for success rates") {
  Judged cluster(5, "0.5");
  for (int i = 0; i < 2; ++i) eject(*cluster.counters[i], {.first = 1h, .max = 1h}, cluster.time);
  cluster.interval({99, 99, 99, 99, 9});
  CHECK(cluster.ejected() == "w1 w2 ");
}

TEST_CASE("nobody is ejected for a success rate unless the service wants it") {
  Judged cluster(5, "off");
  cluster.interval({99, 99, 99, 99, 71});
  CHECK(cluster.ejected() == "");
}

TEST_CASE("each interval is judged by its own requests") {
  Judged cluster(5);
  cluster.interval({99, 99, 99, 99, 99});
  cluster.interval({99, 99, 99, 99, 99});
  CHECK(cluster.ejected() == "");
  cluster.interval({99, 99, 99, 99, 90});
  CHECK(cluster.ejected() == "w5 ");
}

}  // namespace tandem::master::success_rate_test
