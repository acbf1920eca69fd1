// TLS inside the cluster: masters, a witness, workers and people, each with a certificate:
// failover, what each may do with its own, and who is believed no more.
#include <signal.h>
#include <sys/stat.h>

#include <chrono>
#include <fstream>

#include <catch2/catch.hpp>

#include "common/access/last_day.hpp"
#include "common/tls/authority.hpp"
#include "tests/e2e/harness/load.hpp"
#include "tests/e2e/harness/pair_cluster.hpp"

namespace tandem::e2e::inner_tls_test {

namespace tls = tandem::tls;

namespace {

std::string heartbeat(const std::string& name, const std::string& service,
                      const std::string& address) {
  return fmt::format(R"({{"name":"{}","incarnation":"one","service":"{}","address":"{}",)"
                     R"("weight":100,"connections":64,"in_flight":0,"state":"up"}})",
                     name, service, address);
}

// A certificate that the test makes itself, with the authority's key.
ClientCertificate issued(const Certificates& authority, const tls::Identity& identity,
                         std::chrono::days lifetime, tls::WallTime at) {
  const auto made =
      tls::issue(read_file(authority.directory() + "/ca.pem"),
                 read_file(authority.directory() + "/ca.key"), identity, lifetime, at);
  REQUIRE(made);
  const auto files = authority.of("made", identity.name);
  std::ofstream(files.certificate) << made->certificate;
  std::ofstream(files.key) << made->key;
  ::chmod(files.key.c_str(), 0600);
  return files;
}

Finished tandem_as(const PairCluster& cluster, const std::string& master,
                   const std::vector<std::string>& flags, std::vector<std::string> words) {
  words.insert(words.begin(), {program("tandem"), "--control", cluster.control(master)});
  words.insert(words.end(), flags.begin(), flags.end());
  return run(words);
}

}  // namespace

TEST_CASE("over TLS inside, a killed primary is replaced without a failed request") {
  PairCluster cluster(with_certificates());
  cluster.start_workers({"w1", "w2"});
  const auto primary = cluster.await_primary();
  const auto standby = cluster.standby_of(primary);
  CHECK(cluster.status(primary).voters.size() == 3);
  Load load(cluster.listen(standby), 2);
  REQUIRE(load.await_more(20));
  cluster.master(primary).kill9();
  REQUIRE(eventually([&] { return cluster.primaries() == std::vector{standby}; }));
  CHECK(load.await_more(50));
  load.stop();
  CHECK(load.first_failure() == "");
  cluster.start_master(primary);
  REQUIRE(cluster.await_whole() == "");
  // A change that comes to the standby is passed on, and is the caller's.
  CHECK(cluster.tell(primary, "/v1/workers/w1/drain").status == 200);
  // Lines are written by a thread of their own.
  CHECK(eventually(
      [&] { return is_in("change name=ops role=operator", cluster.master(standby).errors()); }));
  const auto flags = cluster.certificates().flags_of("operator", "ops");
  const auto status = tandem_as(cluster, primary, flags, {"status"});
  CHECK(is_in(standby, status.output));
  CHECK(tandem_as(cluster, primary, flags, {"switchover"}).status == 0);
}

TEST_CASE("a worker's certificate is good for its own heartbeats, and for nothing else") {
  PairCluster cluster(with_certificates());
  cluster.start_workers({"w1", "w2"});
  cluster.certificates().issue("worker", "w3", {"--service", "shop", "--address", "127.0.0.1"});
  const auto primary = cluster.await_primary();
  const auto w2 = cluster.status(primary).workers.at("w2").address;
  for (const auto& master : cluster.names()) {
    auto w3 = cluster.client(master, cluster.certificates().of("worker", "w3"));
    const auto check = [&](int wanted, const std::string& path, const std::string& body) {
      const auto answer = w3.post(path, body);
      INFO(path << " " << body << ": " << answer.error << answer.body);
      CHECK(answer.status == wanted);
    };
    check(403, "/v1/workers/w2/drain", "");
    check(403, "/v1/workers", R"({"name":"x","address":"127.0.0.1:9"})");
    check(403, "/v1/switchover", "");
    check(403, "/v1/masters", R"({"name":"c","address":"127.0.0.1:9"})");
    check(403, "/cluster/messages", "{}");
    check(403, "/heartbeat", heartbeat("w2", "default", w2));
    check(403, "/heartbeat", heartbeat("w3", "default", "127.0.0.1:9"));
    check(403, "/heartbeat", heartbeat("w3", "shop", "127.0.0.2:9"));
    check(200, "/heartbeat", heartbeat("w3", "shop", "127.0.0.1:9"));
    for (const auto* path : {"/status", "/v1/workers", "/v1/snapshot", "/cluster/state"}) {
      CAPTURE(path);
      CHECK(w3.get(path).status == 403);
    }
    CHECK(w3.get("/primary").body == "{}");
  }
  CHECK(cluster.status(primary).workers.at("w2").address == w2);
  CHECK(eventually([&] {
    return is_in("w3 (worker), by its certificate, may not do this",
                 cluster.master(primary).errors());
  }));
}

TEST_CASE("a viewer's certificate looks, a master's speaks in its own name alone") {
  PairCluster cluster(with_certificates());
  cluster.start_workers({"w1"});
  const auto primary = cluster.await_primary();
  const auto before = cluster.status(primary);
  cluster.certificates().issue("operator", "eye", {"--role", "viewer"});
  auto eye = cluster.client(primary, cluster.certificates().of("operator", "eye"));
  CHECK(eye.get("/status").status == 200);
  CHECK(eye.post("/v1/switchover", "").status == 403);
  CHECK(eye.post("/heartbeat", heartbeat("eye", "default", "127.0.0.1:9")).status == 403);

  const auto standby = cluster.standby_of(primary);
  const auto envelope = [&](const std::string& node) {
    return fmt::format(
        R"({{"format":1,"node":"{0}","control":"127.0.0.1:9","listen":"","pass":"",)"
        R"("election_timeout_ms":500,"messages":[{{"cluster":{1},"from":{{"node":"{0}",)"
        R"("incarnation":1}},"to":{{"node":"{2}","incarnation":1}},"term":99,"append":)"
        R"({{"previous_index":0,"previous_term":0,"entries":[],"commit":0,"sent":1,)"
        R"("in_sync":0}}}}]}})",
        node, before.cluster, primary);
  };
  auto master = cluster.client(primary, cluster.certificates().of("master", standby));
  for (const std::string& node : {primary, std::string("w1"), std::string("c")}) {
    const auto answer = master.post("/cluster/messages", envelope(node));
    CAPTURE(node, answer.body);
    CHECK(answer.status == 403);
  }
  // A witness's name is the witness's alone, too, and masters alone are asked by it.
  auto witness = cluster.client(primary, cluster.certificates().of("worker", "w1"));
  CHECK(witness.post("/cluster/messages", envelope(primary)).status == 403);
  CHECK(witness.post("/cluster/messages", envelope("w1")).status == 403);
  CHECK(cluster.status(primary).term == before.term);
}

TEST_CASE("who shows no certificate of the cluster that is valid now gets no answer at all") {
  PairCluster cluster(with_certificates({"a"}));
  const auto& authority = cluster.certificates();
  const auto now = tandem::access::wall_time();
  const auto check_refused = [&](const ClientCertificate& self, const std::string& why) {
    CAPTURE(self.certificate, why);
    CHECK(cluster.client("a", self).get("/status").status == 0);
    CHECK(eventually([&] { return is_in(why, cluster.master("a").errors()); }));
  };
  const tls::Identity ended{.kind = tls::Kind::operator_, .name = "ended"};
  check_refused(issued(authority, ended, std::chrono::days(1), now - std::chrono::days(3)),
                "certificate has expired");
  const tls::Identity early{.kind = tls::Kind::operator_, .name = "early"};
  check_refused(issued(authority, early, std::chrono::days(1), now + std::chrono::days(3)),
                "certificate is not yet valid");
  // Of another authority, of the same name and of another one; each trusts the master.
  for (const std::string cluster_name : {"test", "other"}) {
    const TempDir dir;
    Certificates other(dir, cluster_name);
    other.issue("operator", "ops");
    auto self = other.of("operator", "ops");
    self.authority = authority.of("operator", "ops").authority;
    check_refused(self, "its certificate is not accepted");
  }
  // Neither plain HTTP nor TLS without a certificate is an answer.
  CHECK(get(cluster.control("a"), "/health").status == 0);
  const auto bare = run({"curl", "-s", "--cacert", authority.directory() + "/ca.pem",
                         "https://" + cluster.control("a") + "/health"});
  CHECK(bare.status != 0);
  const auto older =
      run({"curl", "-s", "--tls-max", "1.2", "--cacert", authority.directory() + "/ca.pem",
           "--cert", authority.of("operator", "ops").certificate, "--key",
           authority.of("operator", "ops").key, "https://" + cluster.control("a") + "/health"});
  CHECK(older.status != 0);
  CHECK(cluster.client("a").get("/health").status == 200);
}

TEST_CASE("a revoked certificate loses its open connections, and files at fault change nothing") {
  PairCluster cluster(with_certificates());
  cluster.start_workers({"w1", "w2"});
  auto& certificates = cluster.certificates();
  certificates.issue("operator", "gone");
  const auto primary = cluster.await_primary();
  auto gone = cluster.client(primary, certificates.of("operator", "gone"));
  REQUIRE(gone.get("/status").status == 200);

  std::ofstream(certificates.revoked_file(), std::ios::app) << "no digest\n";
  cluster.reload_certificates();
  CHECK(eventually([&] {
    return is_in("the certificates of the cluster stay as they were reason=\"--cluster-revoked",
                 cluster.master(primary).errors());
  }));
  CHECK(gone.get("/status").status == 200);

  std::ofstream(certificates.revoked_file()) << "";
  certificates.revoke("operator", "gone");
  certificates.revoke("worker", "w2");
  cluster.reload_certificates();
  CHECK(eventually([&] {
    return is_in("spiffe://test/tandem/operator/gone its certificate is revoked",
                 cluster.master(primary).errors());
  }));
  CHECK(gone.get("/status").status == 0);
  // The worker's heartbeats end, and its vote counts no more; nobody else is concerned.
  CHECK(eventually([&] { return cluster.status(primary).workers.at("w2").state == "down"; }));
  CHECK(cluster.status(primary).workers.at("w1").state == "up");
  CHECK(cluster.primaries() == std::vector{primary});
}

TEST_CASE("a master starts with its own certificate, or says what is wrong with it") {
  const TempDir dir;
  Certificates certificates(dir);
  certificates.issue("master", "a");
  certificates.issue("worker", "a");
  certificates.issue("worker", "w1");
  const auto check = [&](std::vector<std::string> flags, const std::string& sentence) {
    std::vector<std::string> command{program("tandem-master"),
                                     "--node",
                                     "a",
                                     "--listen",
                                     "127.0.0.1:0",
                                     "--control",
                                     "127.0.0.1:0"};
    command.insert(command.end(), flags.begin(), flags.end());
    const auto finished = run(command);
    CAPTURE(sentence, finished.errors);
    CHECK(finished.status == 2);
    CHECK(is_in(sentence, finished.errors));
  };
  check(certificates.flags_of("worker", "a"), "not of the master a (--node)");
  auto flags = certificates.flags_of("master", "a");
  check({flags[0], flags[1], flags[2], flags[3]}, "--cluster-key is missing");
  auto mixed = flags;
  mixed[5] = certificates.of("worker", "w1").key;
  check(mixed, "is not the key of the certificate in");
  Certificates other(dir, "other");
  mixed = flags;
  mixed[1] = other.directory() + "/ca.pem";
  check(mixed, "is not accepted by the authority of --cluster-ca");
  ::chmod(certificates.of("master", "a").key.c_str(), 0644);
  check(flags, "--cluster-key: ");
  const auto worker = run({program("tandem-worker"), "--name", "w2", "--listen", "127.0.0.1:0",
                           "--cluster-ca", certificates.directory() + "/ca.pem", "--cluster-cert",
                           certificates.of("worker", "w1").certificate, "--cluster-key",
                           certificates.of("worker", "w1").key});
  CHECK(worker.status != 0);
  CHECK(is_in("is that of spiffe://test/tandem/worker/w1, not of the worker w2", worker.errors));
}

}  // namespace tandem::e2e::inner_tls_test
