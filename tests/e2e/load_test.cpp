// Under load: a worker that dies, returns, is drained and undrained; two thousand clients at once.
#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "tests/e2e/harness/cluster.hpp"

namespace tandem::e2e::load_test {
namespace {

// wrk's own count of what went wrong is only in its report, and only when something did.
void check_report(const std::string& report) {
  INFO(report);
  CHECK_THAT(report, Catch::Contains("requests in"));
  CHECK_THAT(report, !Catch::Contains("Non-2xx"));
  CHECK_THAT(report, !Catch::Contains("Socket errors"));
}

bool gets_traffic(const Cluster& cluster, const std::string& name) {
  const auto before = cluster.requests_of(name);
  return eventually([&] { return cluster.requests_of(name) > before + 100; });
}

}  // namespace

TEST_CASE("no GET fails while a worker is killed and returns and is drained and undrained") {
  const auto wrk = installed("wrk");
  if (!wrk) {
    WARN("skipped: wrk is not installed");
    return;
  }
  Cluster cluster;
  cluster.start_workers({"w1", "w2", "w3"});
  Process load(
      cluster.dir(), "wrk",
      {*wrk, "-t2", "-c32", "-d120s", "--timeout", "30s", "http://" + cluster.listen() + "/"});
  REQUIRE(gets_traffic(cluster, "w2"));
  cluster.worker("w2").kill9();
  REQUIRE(cluster.await_state("w2", "down"));
  cluster.start_worker_again("w2");
  REQUIRE(cluster.await_state("w2", "up"));
  REQUIRE(gets_traffic(cluster, "w2"));
  // Where the disk stands still for seconds the outcome is unknown, and may be asked for again;
  // nothing else but success will do.
  const auto decide = [&](const std::string& decision) {
    Answer answer;
    const bool known = eventually([&] {
      answer = post(cluster.control(), "/v1/workers/w1/" + decision);
      return answer.body.find("outcome_unknown") == std::string::npos;
    });
    return known && answer.status / 100 == 2;
  };
  REQUIRE(decide("drain"));
  REQUIRE(eventually([&] { return cluster.workers().at("w1").in_flight == 0; }));
  REQUIRE(decide("undrain"));
  REQUIRE(gets_traffic(cluster, "w1"));
  REQUIRE(load.running());  // all of this was under load
  load.signal(SIGINT);      // it reports what it has counted until now
  CHECK(load.await_exit() == 0);
  check_report(load.output());
}

TEST_CASE("two thousand clients at once are each answered while most are idle") {
  constexpr std::size_t clients = 2'000;
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_max < clients + 100) {
    WARN("skipped: the limit on open files is " << files.rlim_max);
    return;
  }
  Cluster cluster;
  cluster.start_workers({"w1", "w2"});
  std::vector<Socket> all;
  for (std::size_t i = 0; i < clients; ++i) all.emplace_back(cluster.listen());
  const std::string request = "GET /status/204 HTTP/1.1\r\nHost: many\r\n\r\n";
  for (int round = 0; round < 2; ++round) {  // new connections first, then kept-alive ones
    std::size_t answered = 0;
    for (auto& client : all) {
      client.send(request);
      const std::string answer = client.receive_until("\r\n\r\n");
      if (answer.starts_with("HTTP/1.1 204 ")) ++answered;
    }
    CHECK(answered == clients);
  }
}

}  // namespace tandem::e2e::load_test
