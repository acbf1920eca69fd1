// The address where masters pass their clients' requests on to each other, with real masters: who
// is served there, and that clients notice nothing of it when the primary changes.
#include <signal.h>

#include <fstream>

#include <catch2/catch.hpp>

#include "tests/e2e/harness/load.hpp"
#include "tests/e2e/harness/pair_cluster.hpp"
#include "tests/e2e/hostile_chain.hpp"

namespace tandem::e2e::inner_address_test {
namespace {

struct Inside {
  explicit Inside(PairClusterOptions options = with_certificates()) : cluster(std::move(options)) {
    cluster.start_workers({"w1"});
    primary = cluster.await_primary();
    standby = cluster.standby_of(primary);
  }
  // Every master knows of inner addresses.
  bool await_level() const {
    return eventually([&] {
      return cluster.status(primary).feature_level >= 7 &&
             cluster.status(standby).feature_level >= 7;
    });
  }
  // What curl says to the primary's inner address, without the ends of lines.
  Finished curl(std::vector<std::string> flags) const {
    flags.insert(flags.begin(), {"curl", "-sk", "--max-time", "5", "-o", "/dev/null", "-w",
                                 "%{http_code}", "-H", "X-Forwarded-For: 10.0.0.9"});
    flags.push_back("https://" + cluster.inner(primary) + "/");
    return run(flags);
  }
  std::vector<std::string> certificate_of(const std::string& kind, const std::string& name) {
    const auto files = cluster.certificates().of(kind, name);
    return {"--cert", files.certificate, "--key", files.key};
  }
  // Connections with TLS that the primary has, from whomever.
  std::string secure_connections() const {
    const auto metrics = cluster.ask(primary, "/metrics").body;
    const std::string name = "tandem_client_tls_connections{loop=\"0\"} ";
    const auto at = metrics.find(name);
    if (at == metrics.npos) return {};
    return metrics.substr(at + name.size(), metrics.find('\n', at) - at - name.size());
  }

  PairCluster cluster;
  std::string primary;
  std::string standby;
};

}  // namespace

TEST_CASE("a standby's requests go to the primary's inner address once all masters know of those") {
  const Inside inside;
  REQUIRE(inside.await_level());
  for (const auto& master : inside.cluster.names()) {
    CHECK(is_in("\"inner\":\"" + inside.cluster.inner(inside.primary) + "\"",
                inside.cluster.ask(master, "/status").body));
  }
  CHECK(eventually([&] {
    const auto answer = post(inside.cluster.listen(inside.standby), "/echo", "through two masters");
    return answer.status == 200 && answer.body == "through two masters" &&
           inside.secure_connections() == "1";
  }));
}

TEST_CASE("requests that are passed on survive switchovers and the death of the primary") {
  Inside inside;
  auto& cluster = inside.cluster;
  cluster.start_workers({"w2"});
  REQUIRE(inside.await_level());
  Load load(cluster.listen(inside.standby), 4);
  REQUIRE(load.await_more(50));
  for (int i = 0; i < 4; ++i) {
    const auto to = i % 2 == 0 ? inside.standby : inside.primary;
    const auto from = i % 2 == 0 ? inside.primary : inside.standby;
    REQUIRE(eventually([&] {
      return cluster.tell(from, "/v1/switchover", fmt::format(R"({{"to":"{}"}})", to)).status ==
             200;
    }));
    CHECK(load.await_more(50));
  }
  cluster.master(inside.primary).kill9();
  CHECK(load.await_more(50));
  cluster.start_master(inside.primary);
  REQUIRE(cluster.await_whole() == "");
  REQUIRE(eventually([&] { return cluster.tell(inside.standby, "/v1/switchover").status == 200; }));
  CHECK(load.await_more(50));
  load.stop();
  CHECK(load.first_failure() == "");
}

TEST_CASE("at the inner address the other masters are served, and nobody else") {
  Inside inside;
  auto& cluster = inside.cluster;
  REQUIRE(inside.await_level());
  cluster.certificates().issue("master", "c");
  const auto served = inside.curl(inside.certificate_of("master", inside.standby));
  CHECK(served.output == "200");
  CHECK(inside.curl(inside.certificate_of("master", "c")).output == "503");
  CHECK(inside.curl({}).status != 0);
  for (const auto& [kind, name] : {std::pair("worker", "w1"), std::pair("operator", "ops")}) {
    CAPTURE(kind);
    CHECK(inside.curl(inside.certificate_of(kind, name)).status != 0);
    CHECK(eventually([&] {
      return is_in("refused at the inner address from=127.0.0.1",
                   cluster.master(inside.primary).errors());
    }));
  }
  const TempDir dir;
  Certificates other(dir, "test");
  other.issue("master", inside.standby);
  const auto files = other.of("master", inside.standby);
  CHECK(inside.curl({"--cert", files.certificate, "--key", files.key}).status != 0);
  auto older = inside.certificate_of("master", inside.standby);
  older.insert(older.end(), {"--tls-max", "1.2"});
  CHECK(inside.curl(older).status != 0);
  CHECK(get(cluster.inner(inside.primary), "/").status != 200);
  // Where clients come nobody is believed who says that he is a master.
  const Headers claims{{"Tandem-Pass", "0123456789abcdef0123456789abcdef"},
                       {"X-Forwarded-For", "10.0.0.9"}};
  for (const auto& master : cluster.names()) {
    CHECK(Client(cluster.listen(master)).get("/", claims).status == 200);
  }
}

TEST_CASE("a master that is removed or revoked loses its connections at the inner address") {
  Inside inside(with_certificates({"a", "b", "c"}));
  auto& cluster = inside.cluster;
  REQUIRE(inside.await_level());
  const auto open = [&](const std::string& name) {
    const auto files = cluster.certificates().of("master", name);
    return std::make_unique<ShownConnection>(
        cluster.inner(inside.primary), shown(read_file(files.certificate), read_file(files.key)));
  };
  std::string other;
  for (const auto& name : cluster.names()) {
    if (name != inside.primary && name != inside.standby) other = name;
  }
  auto removed = open(other);
  auto revoked = open(inside.standby);
  REQUIRE((removed->is_answered() && removed->status() == 200));
  REQUIRE((revoked->is_answered() && revoked->status() == 200));
  REQUIRE(cluster.send(inside.primary, "DELETE", "/v1/masters/" + other, "", patience).status ==
          200);
  CHECK(eventually([&] { return !removed->is_answered() || removed->status() == 503; }));
  const auto again = open(other);
  CHECK((!again->is_answered() || again->status() == 503));
  REQUIRE(revoked->is_answered());
  CHECK(revoked->status() == 200);
  std::ofstream(cluster.certificates().revoked_file()) << "";
  cluster.certificates().revoke("master", inside.standby);
  cluster.master(inside.primary).signal(SIGHUP);
  CHECK(eventually([&] { return !revoked->is_answered(); }));
  CHECK(get(cluster.listen(inside.primary), "/").status == 200);
}

TEST_CASE("an inner address in clear is for one machine, and is used there") {
  const auto refused = run({program("tandem-master"), "--listen", "127.0.0.1:0", "--control",
                            "127.0.0.1:0", "--listen-inner", "0.0.0.0:0"});
  CHECK(refused.status == 2);
  CHECK(is_in("--listen-inner 0.0.0.0:0 is beyond this machine", refused.errors));
  PairClusterOptions options;
  options.inner = true;
  const Inside inside(options);
  REQUIRE(inside.await_level());
  CHECK(post(inside.cluster.listen(inside.standby), "/echo", "x").body == "x");
  // Whoever does not know the pass is not served.
  CHECK(get(inside.cluster.inner(inside.primary), "/").status == 503);
}

TEST_CASE("masters of which one knows no inner addresses pass requests on as before") {
  auto options = with_certificates();
  options.arguments = {"--feature-level", "6"};
  options.worker_arguments = {"--witness-listen", "127.0.0.1:0"};
  Inside inside(options);
  auto& cluster = inside.cluster;
  REQUIRE(eventually([&] { return cluster.status(inside.primary).feature_level == 6; }));
  const auto ask = [&] { return get(cluster.listen(inside.standby), "/").status; };
  CHECK(ask() == 200);
  CHECK(inside.secure_connections() == "0");
  // One after the other comes with a version that does, under load at the other one.
  for (const auto& name : {inside.primary, inside.standby}) {
    Load load(cluster.listen(name == inside.primary ? inside.standby : inside.primary), 2);
    REQUIRE(load.await_more(20));
    cluster.set_arguments({});
    cluster.master(name).terminate();
    REQUIRE(cluster.master(name).await_exit() == 0);
    cluster.start_master(name);
    REQUIRE(cluster.await_whole() == "");
    CHECK((name == inside.primary || inside.await_level()));
    CHECK(load.await_more(50));
    load.stop();
    CHECK(load.first_failure() == "");
  }
  REQUIRE(inside.await_level());
  for (const auto& master : cluster.names()) {
    CHECK(get(cluster.listen(master), "/").status == 200);
  }
}

}  // namespace tandem::e2e::inner_address_test
