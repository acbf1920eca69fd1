// Who is believed no more while connections are open: by an authority that was removed, or by a
// key that is newer than the connection.
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/e2e/harness/pair_cluster.hpp"
#include "tests/e2e/hostile_chain.hpp"

namespace tandem::e2e::trust_test {
namespace {

void replace(const std::string& file, const std::string& text) {
  std::ofstream(file + ".new") << text;
  ::chmod((file + ".new").c_str(), 0600);
  std::filesystem::rename(file + ".new", file);
}

}  // namespace

TEST_CASE("whoever an authority that was removed vouches for loses the open connections") {
  PairCluster cluster(with_certificates());
  cluster.start_workers({"w1"});
  const auto primary = cluster.await_primary();
  const auto& own = cluster.certificates();
  const auto authorities = own.of("operator", "ops").authority;
  const auto alone = read_file(authorities);
  const TempDir dir;
  Certificates old(dir);
  old.issue("operator", "thief");
  old.issue("master", primary);
  std::size_t turns = 0;
  const auto trust = [&](const std::string& text) {
    replace(authorities, text);
    ++turns;  // a line of its own for each reading
    std::ofstream(own.revoked_file(), std::ios::app) << fmt::format("{:064x}\n", turns);
    cluster.reload_certificates();
    REQUIRE(eventually([&] {
      return is_in(fmt::format("revocations={}", turns), cluster.master(primary).errors()) &&
             is_in(fmt::format("times={}", turns), cluster.worker("w1").errors());
    }));
  };
  trust(alone + read_file(old.of("operator", "thief").authority));
  const auto stolen = old.of("operator", "thief");
  auto thief = cluster.client(primary, {authorities, stolen.certificate, stolen.key});
  auto ops = cluster.client(primary);
  const auto forged = old.of("master", primary);
  const auto genuine = own.of("master", primary);
  const auto worker = cluster.status(primary).workers.at("w1").address;
  ShownConnection pretender(worker, shown(read_file(forged.certificate), read_file(forged.key)));
  ShownConnection master(worker, shown(read_file(genuine.certificate), read_file(genuine.key)));
  REQUIRE(thief.get("/status").status == 200);
  REQUIRE(ops.get("/status").status == 200);
  REQUIRE(pretender.is_answered());
  REQUIRE(master.is_answered());

  trust(alone);
  CHECK_FALSE(pretender.is_answered());
  CHECK(master.is_answered());
  CHECK(eventually([&] {
    return is_in("operator/thief its certificate is no longer accepted: ",
                 cluster.master(primary).errors());
  }));
  CHECK(thief.get("/status").status == 0);
  CHECK(ops.get("/status").status == 200);
  CHECK(cluster.await_whole() == "");
}

TEST_CASE("a member is revoked by its newest certificate, whatever it has shown before") {
  PairCluster cluster(with_certificates());
  cluster.start_workers({"w1", "w2"});
  const auto primary = cluster.await_primary();
  const auto standby = cluster.standby_of(primary);
  REQUIRE(cluster.await_whole() == "");
  auto& certificates = cluster.certificates();
  const auto before = read_file(certificates.of("master", standby).certificate);
  certificates.issue("master", standby, {"--address", "127.0.0.1"});
  REQUIRE(read_file(certificates.of("master", standby).certificate) != before);
  cluster.master(standby).signal(SIGHUP);
  REQUIRE(eventually([&] {
    return is_in("certificate of the cluster read again", cluster.master(standby).errors());
  }));
  CHECK(cluster.await_whole() == "");
  certificates.revoke("master", standby);
  cluster.master(primary).signal(SIGHUP);
  CHECK(eventually([&] { return !cluster.status(primary).is_protected; }));
  CHECK(eventually([&] {
    return is_in(fmt::format("member not reached node={}", standby),
                 cluster.master(primary).errors());
  }));
  CHECK(cluster.primaries() == std::vector{primary});
}

TEST_CASE("the master that shows a worker says when its certificate ends, and that it is revoked") {
  PairCluster cluster(with_certificates({"a"}));
  auto& certificates = cluster.certificates();
  cluster.start_worker("w1");
  certificates.issue("worker", "w2", {"--days", "3"});
  Process ending(cluster.dir(), "w2",
                 {program("tandem-worker"), "--listen", "127.0.0.1:0", "--master",
                  cluster.control("a"), "--cluster-ca", certificates.of("worker", "w2").authority,
                  "--cluster-cert", certificates.of("worker", "w2").certificate, "--cluster-key",
                  certificates.of("worker", "w2").key});
  ending.await_line("tandem-worker ready");
  CHECK(eventually([&] {
    return is_in("the certificate of the cluster ends soon identity=spiffe://test/tandem/worker/w2",
                 ending.errors());
  }));
  const auto told = [&](const std::string& name) {
    const auto status = nlohmann::json::parse(cluster.client("a").get("/status").body);
    for (const auto& worker : status.at("workers")) {
      if (worker.at("name") == name) return worker;
    }
    return nlohmann::json();
  };
  REQUIRE(eventually([&] { return !told("w1").is_null() && !told("w2").is_null(); }));
  CHECK(told("w1").at("certificate_days_left") >= 360);
  CHECK(told("w1").at("reason") == "");
  CHECK(told("w2").at("reason").get<std::string>().starts_with("its certificate ends in "));
  CHECK(told("w2").at("state") == "up");

  certificates.revoke("worker", "w1");
  cluster.master("a").signal(SIGHUP);
  CHECK(eventually([&] { return told("w1").at("reason") == "its certificate is revoked"; }));
  CHECK(told("w1").at("state") == "down");
  CHECK_FALSE(is_in("nobody is revoked any more", cluster.master("a").errors()));
  std::ofstream(certificates.revoked_file()) << "";
  cluster.master("a").signal(SIGHUP);
  CHECK(eventually([&] {
    return is_in("nobody is revoked any more, the list of revocations is empty before=1",
                 cluster.master("a").errors());
  }));
  CHECK(eventually([&] { return told("w1").at("state") == "up"; }));
}

}  // namespace tandem::e2e::trust_test
