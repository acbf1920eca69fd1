// What a client gets that asks the standby.
#include <catch2/catch.hpp>

#include "tests/e2e/harness/pair_cluster.hpp"

namespace tandem::e2e::standby_traffic_test {
namespace {

struct Pair {
  explicit Pair(const std::string& standby_traffic) : cluster(options(standby_traffic)) {
    cluster.start_workers({"w1"});
    primary = cluster.await_primary();
    standby = cluster.standby_of(primary);
  }
  static PairClusterOptions options(const std::string& standby_traffic) {
    PairClusterOptions options;
    options.arguments = {"--standby-traffic", standby_traffic};
    return options;
  }

  PairCluster cluster;
  std::string primary;
  std::string standby;
};

}  // namespace

TEST_CASE("a standby passes requests on to the primary") {
  const Pair pair("forward");
  const Answer answer = post(pair.cluster.listen(pair.standby), "/echo", "through two masters");
  CHECK(answer.status == 200);
  CHECK(answer.body == "through two masters");
  CHECK(pair.cluster.ask(pair.standby, "/ready").status == 200);
}

TEST_CASE("a standby that redirects names the primary and keeps method and path") {
  const Pair pair("redirect");
  Socket client(pair.cluster.listen(pair.standby));  // the other one decodes what it shows
  client.send("POST /echo?a=b%20c HTTP/1.1\r\nHost: any\r\nContent-Length: 4\r\n\r\ntext");
  const std::string answer = client.receive_until("\r\n\r\n");
  CHECK_THAT(answer, Catch::StartsWith("HTTP/1.1 307 "));
  CHECK_THAT(answer, Catch::Contains("\r\nLocation: http://" + pair.cluster.listen(pair.primary) +
                                     "/echo?a=b%20c\r\n"));
  CHECK(post(pair.cluster.listen(pair.primary), "/echo", "text").status == 200);
}

TEST_CASE("a standby that refuses says when to come again and becomes a primary that serves") {
  Pair pair("refuse");
  const Answer answer = get(pair.cluster.listen(pair.standby), "/");
  CHECK(answer.status == 503);
  CHECK(answer.header("Retry-After") != "");
  CHECK(pair.cluster.ask(pair.standby, "/ready").status == 503);
  pair.cluster.master(pair.primary).kill9();
  CHECK(eventually([&] { return get(pair.cluster.listen(pair.standby), "/").status == 200; }));
}

TEST_CASE("a change told to the standby is made by the primary") {
  const Pair pair("refuse");  // of clients' requests; not of changes
  const Answer answer = pair.cluster.tell(pair.standby, "/v1/workers/w1/drain");
  CHECK(answer.status == 200);
  CHECK(pair.cluster.status(pair.primary).workers.at("w1").state == "draining");
  CHECK(eventually(
      [&] { return pair.cluster.status(pair.standby).workers.at("w1").state == "draining"; }));
  CHECK(pair.cluster.tell(pair.standby, "/v1/workers/nobody/drain").status == 404);
}

}  // namespace tandem::e2e::standby_traffic_test
