// Attacks on the TLS inside a cluster, on real processes: chains of certificates that nobody could
// have, handshakes that never end, certificates that end while connections are open, and masters
// that were removed. Whoever belongs to the cluster is served meanwhile.
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>

#include "common/access/last_day.hpp"
#include "common/tls/authority.hpp"
#include "tests/e2e/certificate_pair.hpp"
#include "tests/e2e/harness/cluster.hpp"
#include "tests/e2e/harness/pair_cluster.hpp"
#include "tests/e2e/hostile_chain.hpp"

namespace tandem::e2e::inner_attacks_test {

namespace tls = tandem::tls;
using std::chrono::days;

namespace {

std::string worker_address(const PairCluster& cluster, const std::string& name) {
  return cluster.status(cluster.names().front()).workers.at(name).address;
}

// A certificate of that cluster, which ends at `end`.
ClientCertificate ending(const Certificates& authority, const tls::Identity& identity,
                         tls::WallTime end) {
  const auto made =
      tls::issue(read_file(authority.directory() + "/ca.pem"),
                 read_file(authority.directory() + "/ca.key"), identity, days(1), end - days(1));
  REQUIRE(made);
  const auto files = authority.of("ending", identity.name);
  std::ofstream(files.certificate) << made->certificate;
  std::ofstream(files.key) << made->key;
  ::chmod(files.key.c_str(), 0600);
  return files;
}

bool has_ended(tls::WallTime end) {
  return eventually([&] { return tandem::access::wall_time() > end; });
}

// As many sockets as the system lets a process have.
void allow_many_sockets() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

TEST_CASE("a chain of certificates that is nobody's here gets no answer, whatever it is made of") {
  PairCluster cluster(with_certificates({"a"}));
  cluster.start_workers({"w1"});
  cluster.await_primary();
  auto& certificates = cluster.certificates();
  certificates.issue("worker", "w9");
  const auto genuine = certificates.of("worker", "w9");
  const HostileChains chains(read_file(genuine.authority), read_file(genuine.certificate),
                             read_file(genuine.key));
  const auto worker = worker_address(cluster, "w1");
  REQUIRE(answers(cluster.control("a"), chains.genuine()));
  REQUIRE(answers(worker, chains.genuine()));
  for (const auto& [what, chain] : chains.all()) {
    CAPTURE(what);
    CHECK_FALSE(answers(cluster.control("a"), chain));
    CHECK_FALSE(answers(worker, chain));
    CHECK(cluster.client("a").get("/health").status == 200);
    CHECK(get(cluster.listen("a"), "/").status == 200);
  }
  CHECK(eventually(
      [&] { return is_in("its certificate is not accepted", cluster.master("a").errors()); }));
}

TEST_CASE(
    "a chain of certificates that is nobody's here gets no answer where clients show theirs") {
  const TempDir dir;
  const CertificatePair site(dir, "site");
  Certificates certificates(dir);
  certificates.issue("worker", "w9");
  const auto genuine = certificates.of("worker", "w9");
  const HostileChains chains(read_file(genuine.authority), read_file(genuine.certificate),
                             read_file(genuine.key));
  const std::string demand = GENERATE("required", "optional");
  Cluster cluster({"--listen-tls", "127.0.0.1:0", "--tls", site.flag(), "--client-ca",
                   genuine.authority, "--client-certificate", demand});
  cluster.start_workers({"w1"});
  const auto address = field_of(cluster.master().await_line("tandem-master ready"), "listen-tls");
  REQUIRE(answers(address, chains.genuine()));
  for (const auto& [what, chain] : chains.all()) {
    CAPTURE(what, demand);
    CHECK_FALSE(answers(address, chain));
    CHECK(answers(address, chains.genuine()));
  }
}

TEST_CASE(
    "ten thousand handshakes that never end keep nobody inside the cluster from being heard") {
  allow_many_sockets();
  PairCluster cluster(with_certificates());
  cluster.start_workers({"w1"});
  const auto primary = cluster.await_primary();
  const auto standby = cluster.standby_of(primary);
  const auto worker = worker_address(cluster, "w1");
  const auto term = cluster.status(primary).term;
  const std::string target = GENERATE("a master", "its inner address", "a worker");
  auto address = target == "a worker" ? worker : cluster.control(primary);
  if (target == "its inner address") address = cluster.inner(primary);
  {
    std::vector<Socket> half_open;
    for (int i = 0; i < 10'000; ++i) {
      half_open.emplace_back(address);
      // Some have said nothing, some the beginning of a message that does not go on.
      if (i % 3 != 0) half_open.back().send(std::string_view("\x16\x03\x01\x02\x00\x01", 6));
      if (i % 1'000 != 999) continue;
      const auto answer = get(cluster.listen(standby), "/");
      INFO(target << " after " << i + 1 << ": " << answer.error << answer.body);
      CHECK(answer.status == 200);
      CHECK(cluster.client(primary).get("/status").status == 200);
    }
  }
  CHECK(cluster.await_whole() == "");
  CHECK(cluster.primaries() == std::vector{primary});
  CHECK(cluster.status(primary).term == term);
  CHECK(!is_in("heartbeat was not accepted", cluster.worker("w1").errors()));
}

TEST_CASE("connections end with the certificates of those who made them") {
  PairCluster cluster(with_certificates({"a"}));
  cluster.start_workers({"w1"});
  cluster.await_primary();
  const auto worker = worker_address(cluster, "w1");
  const auto end = tandem::access::wall_time() + std::chrono::seconds(3);
  const auto& authority = cluster.certificates();
  const auto self = ending(authority, {.kind = tls::Kind::operator_, .name = "short"}, end);
  auto to_master = cluster.client("a", self);
  ShownConnection to_worker(worker, shown(read_file(self.certificate), read_file(self.key)));
  REQUIRE(to_master.get("/status").status == 200);
  REQUIRE(to_worker.is_answered());
  REQUIRE(has_ended(end));
  CHECK(eventually([&] { return to_master.get("/status").status == 0; }));
  CHECK_FALSE(to_worker.is_answered());
  CHECK(eventually([&] {
    return is_in("spiffe://test/tandem/operator/short its certificate has ended on",
                 cluster.master("a").errors());
  }));
  CHECK(cluster.client("a").get("/status").status == 200);
}

TEST_CASE("requests go to no worker whose certificate has ended since it was connected to") {
  PairCluster cluster(with_certificates({"a"}));
  auto& certificates = cluster.certificates();
  cluster.await_primary();
  const auto end = tandem::access::wall_time() + std::chrono::seconds(3);
  const auto self = ending(certificates, {.kind = tls::Kind::worker, .name = "w1"}, end);
  Process worker(cluster.dir(), "w1",
                 {program("tandem-worker"), "--listen", "127.0.0.1:0", "--master",
                  cluster.control("a"), "--cluster-ca", self.authority, "--cluster-cert",
                  self.certificate, "--cluster-key", self.key});
  worker.await_line("tandem-worker ready");
  REQUIRE(eventually([&] { return get(cluster.listen("a"), "/").status == 200; }));
  REQUIRE(has_ended(end));
  CHECK(eventually([&] { return get(cluster.listen("a"), "/").status >= 500; }));
}

TEST_CASE("a master whose own certificate has ended reaches no worker, and does with a new one") {
  const TempDir dir;
  Certificates certificates(dir);
  certificates.issue("worker", "w1");
  const tls::Identity self{.kind = tls::Kind::master, .name = "a"};
  const auto end = tandem::access::wall_time() + std::chrono::seconds(4);
  const auto files = ending(certificates, self, end);
  Process master(dir, "a",
                 {program("tandem-master"), "--node", "a", "--listen", "127.0.0.1:0", "--control",
                  "127.0.0.1:0", "--worker-heartbeat", "100ms", "--cluster-ca", files.authority,
                  "--cluster-cert", files.certificate, "--cluster-key", files.key});
  const auto ready = master.await_line("tandem-master ready");
  const auto clients = field_of(ready, "listen");
  std::vector<std::string> command{program("tandem-worker"), "--listen", "127.0.0.1:0", "--master",
                                   field_of(ready, "control")};
  const auto flags = certificates.flags_of("worker", "w1");
  command.insert(command.end(), flags.begin(), flags.end());
  Process worker(dir, "w1", command);
  worker.await_line("tandem-worker ready");
  // The connection to the worker is kept open from now on.
  REQUIRE(eventually([&] { return get(clients, "/").status == 200; }));
  const bool was_in_time = get(clients, "/").status == 200;
  CHECK((was_in_time || tandem::access::wall_time() > end));
  REQUIRE(has_ended(end));
  CHECK(get(clients, "/").status >= 500);
  CHECK(eventually([&] { return is_in("heartbeat was not accepted", worker.errors()); }));
  CHECK(get(clients, "/").status >= 500);
  ending(certificates, self, end + std::chrono::hours(1));
  master.signal(SIGHUP);
  CHECK(eventually([&] { return get(clients, "/").status == 200; }));
}

TEST_CASE("members whose certificates have ended start, say so, and take the next ones") {
  const TempDir dir;
  Certificates certificates(dir);
  const tls::Identity master_self{.kind = tls::Kind::master, .name = "a"};
  const tls::Identity worker_self{.kind = tls::Kind::worker, .name = "w1"};
  const auto past = tandem::access::wall_time() - std::chrono::hours(1);
  const auto files = ending(certificates, master_self, past);
  Process master(dir, "a",
                 {program("tandem-master"), "--node", "a", "--listen", "127.0.0.1:0", "--control",
                  "127.0.0.1:0", "--worker-heartbeat", "100ms", "--cluster-ca", files.authority,
                  "--cluster-cert", files.certificate, "--cluster-key", files.key});
  const auto ready = master.await_line("tandem-master ready");
  const auto own = ending(certificates, worker_self, past);
  Process worker(dir, "w1",
                 {program("tandem-worker"), "--name", "w1", "--listen", "127.0.0.1:0", "--master",
                  field_of(ready, "control"), "--cluster-ca", own.authority, "--cluster-cert",
                  own.certificate, "--cluster-key", own.key});
  worker.await_line("tandem-worker ready");
  const auto says = [](Process& process, const std::string& line) {
    INFO(line);
    CHECK(eventually([&] { return is_in(line, process.errors()); }));
  };
  says(master, "the certificate of the cluster has ended on ");
  says(worker, "the certificate of the cluster has ended on ");
  CHECK(get(field_of(ready, "listen"), "/").status == 503);
  const auto next = tandem::access::wall_time() + std::chrono::hours(2);
  ending(certificates, master_self, next);
  ending(certificates, worker_self, next);
  master.signal(SIGHUP);
  worker.signal(SIGHUP);
  CHECK(eventually([&] { return get(field_of(ready, "listen"), "/").status == 200; }));
  // Back there is no way: whoever serves with a good one keeps it.
  ending(certificates, master_self, past);
  ending(certificates, worker_self, past);
  master.signal(SIGHUP);
  worker.signal(SIGHUP);
  says(master, "the certificates of the cluster stay as they were reason=\"--cluster-cert: ");
  says(worker, "certificate and token stay as they were reason=");
  CHECK(get(field_of(ready, "listen"), "/").status == 200);
}

TEST_CASE("a master that was removed may ask who the masters are, and nothing else") {
  PairCluster cluster(with_certificates());
  cluster.start_workers({"w1", "w2"});
  const auto primary = cluster.await_primary();
  const auto gone = cluster.standby_of(primary);
  const auto self = cluster.certificates().of("master", gone);
  auto as_gone = cluster.client(primary, self);
  REQUIRE(as_gone.get("/status").status == 200);
  REQUIRE(as_gone.get("/cluster/ticket-keys").status != 403);
  REQUIRE(cluster.send(primary, "DELETE", "/v1/masters/" + gone, "", patience).status == 200);
  REQUIRE(eventually([&] { return cluster.status(primary).voters.count(gone) == 0; }));
  for (const auto* path : {"/status", "/v1/workers", "/v1/snapshot", "/cluster/ticket-keys"}) {
    CAPTURE(path);
    CHECK(as_gone.get(path).status == 403);
  }
  CHECK(as_gone.post("/v1/workers/w1/drain", "").status == 403);
  CHECK(as_gone.post("/v1/switchover", "").status == 403);
  CHECK(as_gone.get("/v1/masters").status == 200);
  CHECK(as_gone.get("/health").status == 200);
  CHECK(eventually(
      [&] { return is_in("is no master of this cluster", cluster.master(primary).errors()); }));
  // Once it is added again it is one.
  const auto added =
      cluster.tell(primary, "/v1/masters",
                   fmt::format(R"({{"name":"{}","address":"{}"}})", gone, cluster.control(gone)));
  INFO(added.body);
  REQUIRE(added.status == 201);
  CHECK(as_gone.get("/status").status == 200);
}

TEST_CASE(
    "a master that was removed is nobody at workers, on the connections that it has open too") {
  PairCluster cluster(with_certificates());
  cluster.start_workers({"w1", "w2"});
  const auto primary = cluster.await_primary();
  const auto gone = cluster.standby_of(primary);
  const auto worker = worker_address(cluster, "w1");
  const auto files = cluster.certificates().of("master", gone);
  const auto self = shown(read_file(files.certificate), read_file(files.key));
  ShownConnection open(worker, self);
  REQUIRE(open.is_answered());
  REQUIRE(open.is_answered());
  REQUIRE(cluster.send(primary, "DELETE", "/v1/masters/" + gone, "", patience).status == 200);
  const auto is_refused = [&] {
    ShownConnection connection(worker, self);
    return connection.is_answered() && connection.status() == 403;
  };
  CHECK(eventually(is_refused));
  const bool was_answered = open.is_answered();
  CHECK((!was_answered || open.status() == 403));
  CHECK_FALSE(open.is_answered());
  CHECK(get(cluster.listen(primary), "/").status == 200);
  // A worker that has just started knows nobody, until the first answer.
  cluster.worker("w1").kill9();
  cluster.start_worker("w1");
  CHECK(eventually(is_refused));
  CHECK(is_refused());
  // The one who is left out starts again, and believes to be somebody: it has no say.
  cluster.master(gone).kill9();
  cluster.launch_master(gone);
  CHECK(is_refused());
  // Once it is added again it is one.
  const auto added =
      cluster.tell(primary, "/v1/masters",
                   fmt::format(R"({{"name":"{}","address":"{}"}})", gone, cluster.control(gone)));
  INFO(added.body);
  REQUIRE(added.status == 201);
  CHECK(eventually([&] { return !is_refused(); }));
}

TEST_CASE("calls of HTTP/2 begin on no connection whose worker's certificate has ended") {
  const auto nghttpd = installed("nghttpd");
  if (!nghttpd) {
    WARN("skipped: nghttpd is not installed");
    return;
  }
  const TempDir dir;
  const Certificates authority(dir);
  const auto end = tandem::access::wall_time() + std::chrono::seconds(3);
  const auto self = ending(
      authority, {.kind = tls::Kind::worker, .name = "w1", .hosts = {"worker.example"}}, end);
  std::filesystem::create_directory(dir.path("files"));
  dir.write("files/short", "short");
  const auto address = free_address();
  const Process worker(dir, "nghttpd",
                       {*nghttpd, "--address=127.0.0.1", "-d", dir.path("files"),
                        address.substr(address.rfind(':') + 1), self.key, self.certificate});
  // It is checked once, so that only the connection for calls can tell.
  const Cluster cluster({"--backend", address, "--service", "default:protocol=http2", "--service",
                         "default:upstream_tls=true", "--service",
                         "default:upstream_ca=" + authority.directory() + "/ca.pem", "--service",
                         "default:upstream_name=worker.example", "--service",
                         "default:check_path=/short", "--service", "default:check_interval=5m",
                         "--threads", "1"});
  REQUIRE(eventually([&] { return get(cluster.listen(), "/short").status == 200; }));
  REQUIRE(has_ended(end));
  CHECK(eventually([&] { return get(cluster.listen(), "/short").status >= 500; }));
}

}  // namespace tandem::e2e::inner_attacks_test
