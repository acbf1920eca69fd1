// Sessions of TLS that outlive the master at which they began.
#include <catch2/catch.hpp>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "common/base/hex.hpp"
#include "tests/e2e/harness/pair_cluster.hpp"

namespace tandem::e2e::tls_sessions_test {

using Catch::Contains;

namespace {

struct Certificate {
  explicit Certificate(const TempDir& dir) : pem(dir.path("site.pem")), key(dir.path("site.key")) {
    const auto made =
        run({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-keyout", key, "-out", pem, "-days", "9", "-subj", "/CN=localhost"});
    if (made.status != 0) throw std::runtime_error(made.errors);
    std::filesystem::permissions(key, std::filesystem::perms::owner_read);
  }
  std::string pem;
  std::string key;
};

// Two masters and a worker that votes; clients are served over TLS.
struct Scene {
  explicit Scene(Arguments more = {}, bool tokens = false) {
    Arguments arguments{"--listen-tls", "127.0.0.1:0",
                        "--tls",        certificate.pem + "," + certificate.key,
                        "--log-level",  "debug"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    PairClusterOptions options;
    options.arguments = arguments;
    options.tokens = tokens;
    cluster.emplace(options);
    cluster->start_workers({"w1"});
    primary = cluster->await_primary();
    standby = cluster->standby_of(primary);
  }
  // One request with openssl's own client. `flags` begin or resume a session.
  std::string request(const std::string& master, const std::string& flags) {
    const auto ready = cluster->master(master).await_line("tandem-master ready");
    const auto done =
        run({"sh", "-c",
             "printf 'GET /bytes/1 HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n' | "
             "timeout 20 openssl s_client -ign_eof -connect " +
                 field_of(ready, "listen-tls") + " " + flags});
    INFO(done.output);
    INFO(done.errors);
    CHECK_THAT(done.output, Contains("HTTP/1.1 200"));
    return done.output;
  }
  std::string session_file(const std::string& version) const {
    return dir.path("session" + version);
  }
  void begin(const std::string& master, const std::string& version) {
    CHECK_THAT(request(master, version + " -sess_out " + session_file(version)),
               Contains("New, TLSv1"));
  }
  bool resumes(const std::string& master, const std::string& version) {
    const auto told = request(master, version + " -sess_in " + session_file(version));
    return told.find("Reused, TLSv1") != std::string::npos;
  }
  bool log_tells(const std::string& master, const std::string& what) {
    return cluster->master(master).errors().find(what) != std::string::npos;
  }
  bool await(const std::string& master, const std::string& what) {
    return eventually([&] { return log_tells(master, what); });
  }
  // How often the master's log tells that.
  int count(const std::string& master, const std::string& what) {
    const auto log = cluster->master(master).errors();
    int count = 0;
    for (auto at = log.find(what); at != log.npos; at = log.find(what, at + 1)) ++count;
    return count;
  }

  TempDir dir;
  Certificate certificate{dir};
  std::optional<PairCluster> cluster;
  std::string primary;
  std::string standby;
};

const std::string taken = "ticket keys taken from the primary";
const std::string turned = "ticket keys turned";
const std::vector<std::string> versions{"-tls1_2", "-tls1_3"};

}  // namespace

TEST_CASE("a client resumes its session at the other master after the primary was killed") {
  Scene scene({}, true);
  REQUIRE(scene.await(scene.standby, taken));
  for (const auto& version : versions) scene.begin(scene.primary, version);
  scene.cluster->master(scene.primary).kill9();
  CHECK(scene.cluster->await_primary() == scene.standby);
  for (const auto& version : versions) {
    INFO(version);
    CHECK(scene.resumes(scene.standby, version));
  }
  // The one that was killed has the ring again when it is back, though it has forgotten its own.
  scene.cluster->start_master(scene.primary);
  REQUIRE(scene.await(scene.primary, taken));
  for (const auto& version : versions) CHECK(scene.resumes(scene.primary, version));
}

TEST_CASE("a session is resumed at the other master after its key was replaced twice") {
  Scene scene;
  auto& cluster = *scene.cluster;
  REQUIRE(scene.await(scene.standby, taken));
  for (const auto& version : versions) scene.begin(scene.primary, version);
  // 503 until the standby has said that it has the key that is next.
  const auto turn = [&](const std::string& asked) {
    return eventually([&] { return cluster.tell(asked, "/v1/ticket-keys/turn").status == 200; });
  };
  const int before = scene.count(scene.standby, taken);
  REQUIRE(turn(scene.primary));
  REQUIRE(turn(scene.standby));  // which passes it on
  REQUIRE(eventually([&] { return scene.count(scene.standby, taken) == before + 2; }));
  cluster.master(scene.primary).kill9();
  CHECK(cluster.await_primary() == scene.standby);
  for (const auto& version : versions) {
    INFO(version);
    CHECK(scene.resumes(scene.standby, version));
  }
  // The new primary goes on where the other has stopped: with the third turn the key is gone.
  CHECK(cluster.tell(scene.standby, "/v1/ticket-keys/turn").status == 503);
  cluster.start_master(scene.primary);
  REQUIRE(turn(scene.standby));
  for (const auto& version : versions) {
    INFO(version);
    CHECK_FALSE(scene.resumes(scene.standby, version));
  }
}

TEST_CASE("the keys of tickets change by themselves, at all masters, whoever leads") {
  Scene scene({"--ticket-key-interval", "1s"});
  REQUIRE(eventually([&] { return scene.count(scene.standby, taken) >= 3; }));
  scene.cluster->master(scene.primary).kill9();
  REQUIRE(scene.await(scene.standby, turned));
  scene.cluster->start_master(scene.primary);
  CHECK(eventually([&] { return scene.count(scene.primary, taken) >= 2; }));
}

TEST_CASE("ticket keys are told to masters alone, and are on no disk") {
  Scene scene({}, true);
  auto& cluster = *scene.cluster;
  REQUIRE(scene.await(scene.standby, taken));
  const auto key = std::string(64, '1');
  const auto ask = [&](const std::string& node, const std::string& token) {
    const auto& control = cluster.control(scene.primary);
    return run({"curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H",
                "Authorization: Bearer " + token, "--data",
                R"({"node":")" + node + R"(","have":"","key":")" + key + R"("})",
                "http://" + control + "/cluster/ticket-keys"})
        .output;
  };
  CHECK(ask(scene.standby, cluster.tokens().text(scene.standby)) == "200");
  CHECK(ask("w1", cluster.tokens().text("w1")) == "403");
  CHECK(ask(scene.standby, cluster.tokens().text("w1")) == "403");
  CHECK(ask(scene.standby, cluster.tokens().text("ops")) == "403");
  CHECK(ask("w1", cluster.tokens().text(scene.standby)) == "403");
  CHECK(ask("nobody", cluster.tokens().text(scene.standby)) == "403");
  CHECK(ask(scene.standby, "nonsense-nonsense-nonsense") == "401");
}

}  // namespace tandem::e2e::tls_sessions_test
