// What operators do all day, under many calls of HTTP/2 at once: no call fails, and hardly one has
// to be sent again. Workers speak HTTP/1 (tandem-worker) or HTTP/2 (faulty_worker.cpp, which is
// good here).
#include <csignal>
#include <optional>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/e2e/harness/faulty_workers.hpp"
#include "tests/e2e/harness/pair_cluster.hpp"
#include "tests/e2e/harness/streams_load.hpp"

namespace tandem::e2e::h2_maintenance_test {
namespace {

constexpr unsigned workers_count = 3;
constexpr std::uint64_t some_calls = 300;

std::string digits(std::size_t size) {
  std::string text(size, '0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('0' + i % 10);
  return text;
}

std::vector<StreamsRequest> requests_for(Protocol of_workers) {
  if (of_workers == Protocol::http1) {
    return {{"GET", "/", "", ""},
            {"GET", "/slow?ms=30", "", ""},
            {"POST", "/echo", digits(1'000), digits(1'000)},
            {"GET", "/bytes/100000", "", ""},
            {"POST", "/echo", digits(300'000), digits(300'000)}};
  }
  return {{"GET", "/bytes/100", "", digits(100)},
          {"PUT", "/", digits(1'000), digits(1'000)},
          {"GET", "/chunked/100000", "", digits(100'000)},
          {"POST", "/", digits(20), "done\n"},
          {"PUT", "/", digits(300'000), digits(300'000)}};
}

// Two masters, workers w1 to w3 of one protocol, and clients that have calls under way at both
// masters.
class Scene {
 public:
  explicit Scene(Protocol of_workers) : of_workers_(of_workers), cluster_(options(of_workers)) {
    if (of_workers == Protocol::http1) {
      cluster_.start_workers(names_);
    } else {
      cluster_.start_workers({"voter"});
      workers_.emplace(cluster_.dir(), controls(), workers_count, "calls");
      for (const auto& name : names_) {
        workers_->tell(name, "slow 1 30");
        REQUIRE(await_state(name, "up"));
      }
    }
    REQUIRE(cluster_.await_whole() == "");
    primary_ = cluster_.await_primary();
    load_.emplace(StreamsLoadOptions{.addresses = {cluster_.listen("a"), cluster_.listen("b")},
                                     .requests = requests_for(of_workers)});
    REQUIRE(load_->await_more(some_calls));
  }

  PairCluster& cluster() { return cluster_; }
  const StreamsLoad& load() const { return *load_; }
  const std::vector<std::string>& workers() const { return names_; }
  std::string primary() const { return primary_; }
  std::string standby() const { return cluster_.standby_of(primary_); }
  bool goes_on() const { return load_->await_more(some_calls); }

  Answer tell_primary(const std::string& method, const std::string& path) const {
    return cluster_.send(primary_, method, path, "", patience);
  }
  void switch_over() {
    const auto next = standby();
    REQUIRE(tell_primary("POST", "/v1/switchover").status == 200);
    REQUIRE(eventually([&] { return cluster_.primaries() == std::vector{next}; }));
    primary_ = next;
  }
  void restart(const std::string& master) {
    cluster_.master(master).terminate();
    REQUIRE(cluster_.master(master).await_exit() == 0);
    CHECK(goes_on());
    cluster_.start_master(master);
    REQUIRE(cluster_.await_whole() == "");
    primary_ = cluster_.await_primary();
  }
  // One that has been removed, or has ended.
  void start_worker(const std::string& name) {
    if (of_workers_ == Protocol::http1) {
      CHECK(cluster_.worker(name).await_exit() == 0);
      cluster_.start_worker(name);
    } else {
      workers_->kill(name);
      workers_->start(name);
    }
    REQUIRE(await_state(name, "up"));
  }

  // Nothing has failed.
  void check() {
    CHECK(goes_on());
    load_->stop();
    CHECK(load_->failures() == "");
    CHECK(load_->unprocessed() == 0);
  }

 private:
  static PairClusterOptions options(Protocol of_workers) {
    PairClusterOptions options;
    if (of_workers == Protocol::http2) {
      options.arguments = {"--route", "/=calls", "--service", "calls:protocol=http2"};
    }
    return options;
  }
  std::vector<std::string> controls() const {
    return {cluster_.control("a"), cluster_.control("b")};
  }
  bool await_state(const std::string& worker, const std::string& state) const {
    return eventually([&] {
      for (const auto& master : cluster_.names()) {
        const auto seen = cluster_.status(master).workers;
        const auto found = seen.find(worker);
        if (found == seen.end() || found->second.state != state) return false;
      }
      return true;
    });
  }

  const Protocol of_workers_;
  const std::vector<std::string> names_{"w1", "w2", "w3"};
  PairCluster cluster_;
  std::optional<FaultyWorkers> workers_;
  std::string primary_;
  std::optional<StreamsLoad> load_;
};

void drain_each_worker(Protocol of_workers) {
  Scene scene(of_workers);
  for (const auto& name : scene.workers()) {
    const auto path = fmt::format("/v1/workers/{}/", name);
    const auto drained = scene.tell_primary("POST", path + "drain?wait_ms=20000");
    CHECK(drained.status == 200);
    CHECK_THAT(drained.body, Catch::Contains("\"in_flight\":0"));
    CHECK(scene.goes_on());
    CHECK(scene.tell_primary("POST", path + "undrain").status == 200);
    CHECK(scene.goes_on());
  }
  scene.check();
}

void remove_each_worker(Protocol of_workers) {
  Scene scene(of_workers);
  for (const auto& name : scene.workers()) {
    CHECK(scene.tell_primary("DELETE", "/v1/workers/" + name).status == 200);
    CHECK(scene.goes_on());
    scene.start_worker(name);
    CHECK(scene.goes_on());
  }
  scene.check();
}

void switch_over_and_back(Protocol of_workers) {
  Scene scene(of_workers);
  for (int i = 0; i < 4; ++i) {
    scene.switch_over();
    CHECK(scene.goes_on());
    REQUIRE(scene.cluster().await_whole() == "");
  }
  scene.check();
}

void restart_each_master(Protocol of_workers) {
  Scene scene(of_workers);
  scene.restart(scene.standby());
  CHECK(scene.goes_on());
  scene.restart(scene.primary());
  scene.check();
  // Only what the two masters ended was begun anew.
  CHECK(scene.load().connections() <= 8);
}

}  // namespace

TEST_CASE("workers of HTTP/1 are drained under calls of HTTP/2, and none fails") {
  drain_each_worker(Protocol::http1);
}

TEST_CASE("workers of HTTP/2 are drained under calls of HTTP/2, and none fails") {
  drain_each_worker(Protocol::http2);
}

TEST_CASE("workers of HTTP/1 are removed under calls of HTTP/2, and none fails") {
  remove_each_worker(Protocol::http1);
}

TEST_CASE("workers of HTTP/2 are removed under calls of HTTP/2, and none fails") {
  remove_each_worker(Protocol::http2);
}

TEST_CASE("leadership is handed over under calls of HTTP/2 to workers of HTTP/1, and none fails") {
  switch_over_and_back(Protocol::http1);
}

TEST_CASE("leadership is handed over under calls of HTTP/2 to workers of HTTP/2, and none fails") {
  switch_over_and_back(Protocol::http2);
}

TEST_CASE(
    "a standby and a primary end under calls of HTTP/2 to workers of HTTP/1, and none fails") {
  restart_each_master(Protocol::http1);
}

TEST_CASE(
    "a standby and a primary end under calls of HTTP/2 to workers of HTTP/2, and none fails") {
  restart_each_master(Protocol::http2);
}

TEST_CASE("masters are told SIGHUP under calls of HTTP/2, and none fails") {
  Scene scene(Protocol::http1);
  for (int i = 0; i < 3; ++i) {
    for (const auto& name : scene.cluster().names()) scene.cluster().master(name).signal(SIGHUP);
    CHECK(scene.goes_on());
  }
  scene.check();
  CHECK(scene.load().connections() == 2);
}

TEST_CASE("workers of HTTP/1 end by themselves under calls of HTTP/2, and none fails") {
  Scene scene(Protocol::http1);
  for (const auto& name : scene.workers()) {
    scene.cluster().worker(name).terminate();
    CHECK(scene.cluster().worker(name).await_exit() == 0);
    CHECK(scene.goes_on());
    scene.start_worker(name);
    CHECK(scene.goes_on());
  }
  scene.check();
}

}  // namespace tandem::e2e::h2_maintenance_test
