// Requests inside the cluster: masters speak TLS to workers that have a certificate, and to no
// other one in its place.
#include <signal.h>

#include <fstream>

#include <catch2/catch.hpp>

#include "tests/e2e/harness/load.hpp"
#include "tests/e2e/harness/pair_cluster.hpp"

namespace tandem::e2e::inner_requests_test {
namespace {

std::string heartbeat(const std::string& name, const std::string& address, bool tls) {
  return fmt::format(R"({{"name":"{}","incarnation":"one","address":"{}","tls":{}}})", name,
                     address, tls);
}

// What curl says to the worker: its exit status and output.
Finished curl(const std::string& address, std::vector<std::string> flags) {
  flags.insert(flags.begin(), {"curl", "-sk", "--max-time", "5"});
  flags.push_back("https://" + address + "/");
  return run(flags);
}

std::vector<std::string> shown(const ClientCertificate& self) {
  return {"--cert", self.certificate, "--key", self.key};
}

}  // namespace

TEST_CASE("requests reach a worker over TLS, and who shows no certificate gets no answer") {
  PairCluster cluster(with_certificates({"a", "b"}));
  cluster.start_workers({"w1"});
  const auto primary = cluster.await_primary();
  CHECK(is_in(R"("tls":true)", cluster.ask(primary, "/v1/workers").body));
  for (const auto& master : cluster.names()) {
    CHECK(get(cluster.listen(master), "/").status == 200);
  }
  const auto worker = cluster.status(primary).workers.at("w1").address;
  CHECK(get(worker, "/").status == 0);
  CHECK(curl(worker, {}).status != 0);
  auto operator_ = shown(cluster.certificates().of("operator", "ops"));
  const auto answered = curl(worker, operator_);
  CHECK(answered.status == 0);
  CHECK(is_in("w1 GET /", answered.output));
  operator_.insert(operator_.end(), {"--tls-max", "1.2"});
  CHECK(curl(worker, operator_).status != 0);
  const TempDir dir;
  Certificates other(dir, "other");
  other.issue("master", "a");
  CHECK(curl(worker, shown(other.of("master", "a"))).status != 0);
}

TEST_CASE("another worker at the address of one is sent none of its requests") {
  PairCluster cluster(with_certificates({"a"}));
  auto& certificates = cluster.certificates();
  certificates.issue("worker", "w1", {"--address", "127.0.0.1"});
  certificates.issue("worker", "w2");
  cluster.await_primary();
  std::vector<std::string> command{program("tandem-worker"), "--master", "127.0.0.1:1", "--listen",
                                   "127.0.0.1:0"};
  const auto flags = certificates.flags_of("worker", "w2");
  command.insert(command.end(), flags.begin(), flags.end());
  Process impostor(cluster.dir(), "impostor", command);
  const auto line = impostor.await_line("tandem-worker ready");
  const auto address = line.substr(line.find("listen=") + 7);
  auto w1 = cluster.client("a", certificates.of("worker", "w1"));
  REQUIRE(w1.post("/heartbeat", heartbeat("w1", address, true)).status == 200);
  CHECK(eventually([&] {
    const auto answer = get(cluster.listen("a"), "/");
    return answer.status >= 502 && is_in("it is spiffe://test/tandem/worker/w2, not the worker w1",
                                         cluster.master("a").errors());
  }));
}

TEST_CASE("a worker beyond loopback that would be spoken to in clear text is not registered") {
  PairCluster cluster(with_certificates({"a"}));
  auto& certificates = cluster.certificates();
  certificates.issue("worker", "w1", {"--address", "10.1.2.3", "--address", "127.0.0.1"});
  cluster.await_primary();
  auto w1 = cluster.client("a", certificates.of("worker", "w1"));
  const auto refused = w1.post("/heartbeat", heartbeat("w1", "10.1.2.3:80", false));
  CHECK(refused.status == 409);
  CHECK(is_in("requests to 10.1.2.3:80 would go in clear text", refused.body));
  CHECK(w1.post("/heartbeat", heartbeat("w1", "127.0.0.1:9", false)).status == 200);
  // A setting of a later version is taken once the cluster is known to be at it.
  const auto set = [&] {
    return run({program("tandem"), "--control", cluster.control("a"), "--cluster-ca",
                certificates.directory() + "/ca.pem", "--cluster-cert",
                certificates.of("operator", "ops").certificate, "--cluster-key",
                certificates.of("operator", "ops").key, "service", "set", "default",
                "upstream_tls=false"})
               .status == 0;
  };
  REQUIRE(eventually(set));
  CHECK(w1.post("/heartbeat", heartbeat("w1", "10.1.2.3:80", false)).status == 200);
}

TEST_CASE("a master whose certificate is revoked is served no more by workers that know it") {
  PairCluster cluster(with_certificates({"a", "b"}));
  cluster.start_workers({"w1"});
  const auto primary = cluster.await_primary();
  const auto standby = cluster.standby_of(primary);
  const auto worker = cluster.status(primary).workers.at("w1").address;
  const auto master = shown(cluster.certificates().of("master", standby));
  REQUIRE(curl(worker, master).status == 0);
  std::ofstream(cluster.certificates().revoked_file()) << "";
  cluster.certificates().revoke("master", standby);
  cluster.worker("w1").signal(SIGHUP);
  CHECK(eventually([&] { return curl(worker, master).status != 0; }));
  CHECK(get(cluster.listen(primary), "/").status == 200);
}

}  // namespace tandem::e2e::inner_requests_test
