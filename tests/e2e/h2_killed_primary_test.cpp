// A primary that is killed under many calls of HTTP/2 that a standby has passed on to it: each is
// answered, by the worker or with what is known of it, and none is executed twice.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/e2e/harness/faulty_workers.hpp"
#include "tests/e2e/harness/h2_connection.hpp"
#include "tests/e2e/harness/pair_cluster.hpp"

namespace tandem::e2e::h2_killed_primary_test {
namespace {

constexpr int calls_count = 90;

std::string id_of(int call) { return fmt::format("call-{}", call); }

// Longer than a standby keeps.
std::string large_body(int call) { return id_of(call) + std::string(100'000, 'x'); }

}  // namespace

TEST_CASE("calls of HTTP/2 whose primary is killed are answered, and none is executed twice") {
  PairClusterOptions options;
  options.arguments = {"--route", "/=calls", "--service", "calls:protocol=http2"};
  PairCluster cluster(options);
  cluster.start_workers({"voter"});
  FaultyWorkers workers(cluster.dir(), {cluster.control("a"), cluster.control("b")}, 2, "calls");
  for (const auto& name : workers.names()) workers.tell(name, "slow 100 1500");
  REQUIRE(eventually([&] {
    const auto seen = cluster.status("a").workers;
    return seen.count("w1") == 1 && seen.count("w2") == 1;
  }));
  REQUIRE(cluster.await_whole() == "");
  const auto primary = cluster.await_primary();
  const auto connection = H2Connection::to(cluster.listen(cluster.standby_of(primary)));
  REQUIRE(connection != nullptr);
  REQUIRE(eventually([&] {
    connection->turn(Milliseconds(10));
    return connection->can_open();
  }));
  std::map<std::string, H2Outcome> outcomes;
  for (int i = 0; i < calls_count; ++i) {
    const auto id = i % 3 == 0 ? large_body(i) : id_of(i);
    connection->open({"POST", "/", id}, [&outcomes, id](H2Outcome outcome) {
      outcomes.emplace(id, std::move(outcome));
    });
  }
  REQUIRE(eventually([&] {
    connection->turn(Milliseconds(10));
    return !outcomes.empty() && workers.posts_executed().size() >= calls_count / 3;
  }));
  cluster.master(primary).kill9();
  REQUIRE(eventually([&] {
    connection->turn(Milliseconds(10));
    return outcomes.size() == calls_count;
  }));
  const auto executed = workers.posts_executed();
  int answered = 0;
  for (const auto& [id, outcome] : outcomes) {
    INFO(id.substr(0, 12) << " " << outcome.answer.status << " " << outcome.answer.body);
    const auto found = executed.find(id);
    const auto times = found == executed.end() ? 0u : found->second;
    CHECK(times <= 1);
    const auto status = outcome.answer.status;
    CHECK((status == 200 || status == 502 || status == 503));
    if (status == 200) CHECK(times == 1);
    if (status == 503) CHECK(times == 0);
    answered += status == 200 ? 1 : 0;
  }
  CHECK(answered > 0);
  CHECK(answered < calls_count);
  CHECK_FALSE(connection->is_lost());
}

}  // namespace tandem::e2e::h2_killed_primary_test
