// What strangers send to workers, past the masters.
#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/e2e/harness/pair_cluster.hpp"

namespace tandem::e2e::strangers_test {
namespace {

// What the worker executed last came from a master that proved its term.
bool last_was_proven(const PairCluster& cluster, const std::string& worker) {
  const auto executed = cluster.executions()[worker];
  return !executed.empty() && executed.back().term > 0;
}

}  // namespace

TEST_CASE("a Tandem-Term that a stranger sends to a worker moves no term and costs no request") {
  PairClusterOptions options;
  options.recording = true;
  PairCluster cluster(std::move(options));
  cluster.start_workers({"w1"});
  const auto primary = cluster.await_primary();
  const auto before = cluster.status(primary);
  const auto worker = before.workers.at("w1").address;
  // The worker has its key once masters prove their term to it.
  REQUIRE(eventually([&] {
    return get(cluster.listen(primary), "/").status == 200 && last_was_proven(cluster, "w1");
  }));
  for (const std::string term :
       {"18446744073709551615", "1000000", "1000000.0123456789abcdef0123456789abcdef"}) {
    CHECK(get(worker, "/", {{"Tandem-Term", term}}).status == 200);
  }
  for (int i = 0; i < 20; ++i) {
    for (const auto& master : cluster.names()) {
      CHECK(get(cluster.listen(master), "/").status == 200);
    }
  }
  const auto after = cluster.status(primary);
  CHECK(after.role == "primary");
  CHECK(after.term == before.term);
  CHECK(last_was_proven(cluster, "w1"));
}

}  // namespace tandem::e2e::strangers_test
