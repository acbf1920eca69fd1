// Witnesses without a port: they connect to the masters, who send them messages there. Who may make
// such a connection, and what becomes of it.
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <set>

#include <catch2/catch.hpp>

#include "tests/e2e/harness/load.hpp"
#include "tests/e2e/harness/pair_cluster.hpp"
#include "tests/gateway/raw_socket.hpp"

namespace tandem::e2e::witness_links_test {

using test::RawSocket;

namespace {

// How many sockets that process listens at.
std::size_t listening_sockets(pid_t process) {
  const auto folder = fmt::format("/proc/{}/", process);
  std::set<std::string> own;
  for (const auto& each : std::filesystem::directory_iterator(folder + "fd")) {
    std::error_code ignored;
    const auto target = std::filesystem::read_symlink(each.path(), ignored).string();
    if (target.starts_with("socket:[")) own.insert(target.substr(8, target.size() - 9));
  }
  std::size_t found = 0;
  for (const auto* table : {"net/tcp", "net/tcp6"}) {
    std::ifstream lines(folder + table);
    std::string line;
    while (std::getline(lines, line)) {
      std::istringstream words(line);
      std::string word;
      std::vector<std::string> fields;
      while (words >> word) fields.push_back(word);
      if (fields.size() > 9 && fields[3] == "0A" && own.contains(fields[9])) ++found;
    }
  }
  return found;
}

// Of which the primary leads on while the machine stalls for a moment.
PairClusterOptions patient() {
  PairClusterOptions options;
  options.arguments = {"--election-timeout", "3s"};
  return options;
}

PairClusterOptions with_tokens(PairClusterOptions options = {}) {
  options.tokens = true;
  return options;
}

std::uint16_t port_of(const std::string& address) {
  return static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
}

std::string request_for(const std::string& witness, const Headers& fields = {}) {
  auto text = fmt::format(
      "POST /cluster/link?node={} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
      "Connection: Upgrade\r\nUpgrade: tandem-link\r\n",
      witness);
  for (const auto& [name, value] : fields) text += fmt::format("{}: {}\r\n", name, value);
  return text + "\r\n";
}

// The status with which a master answers that witness.
std::string answer_to(const std::string& control, const std::string& witness,
                      const Headers& fields) {
  auto socket = RawSocket::connect(port_of(control));
  socket.send(request_for(witness, fields));
  const auto head = socket.read_until("\r\n\r\n");
  return head.substr(9, 3);
}

}  // namespace

TEST_CASE("a witness has no port, and votes: a killed primary is replaced") {
  const bool certificates = GENERATE(false, true);
  CAPTURE(certificates);
  PairCluster cluster(certificates ? with_certificates() : PairClusterOptions());
  cluster.start_workers({"w1"});
  CHECK(listening_sockets(cluster.worker("w1").pid()) == 1);  // the service's
  const auto primary = cluster.await_primary();
  const auto standby = cluster.standby_of(primary);
  CHECK(cluster.status(primary).voters.contains("w1"));
  for (int round = 0; round < 2; ++round) {
    const auto leads = cluster.await_primary();
    Load load(cluster.listen(cluster.standby_of(leads)), 2);
    REQUIRE(load.await_more(20));
    cluster.master(leads).kill9();
    REQUIRE(load.await_more(20));
    load.stop();
    CHECK(load.first_failure() == "");
    CHECK(load.failed() == 0);
    cluster.start_master(leads);
    REQUIRE(cluster.await_whole() == "");
  }
}

TEST_CASE("a witness with an address of its own is connected to, as by earlier masters") {
  PairCluster cluster;
  cluster.set_worker_arguments({"--witness-listen", "127.0.0.1:0"});
  cluster.start_workers({"w1"});
  CHECK(listening_sockets(cluster.worker("w1").pid()) == 2);
  // And without one from its next start on, and back.
  for (const std::size_t sockets : {1, 2}) {
    cluster.worker("w1").terminate();
    REQUIRE(cluster.worker("w1").await_exit());
    cluster.set_worker_arguments(sockets == 2 ? Arguments{"--witness-listen", "127.0.0.1:0"}
                                              : Arguments{});
    cluster.start_workers({"w1"});
    CHECK(listening_sockets(cluster.worker("w1").pid()) == sockets);
    const auto primary = cluster.await_primary();
    cluster.master(primary).kill9();
    CHECK(cluster.await_primary() != primary);
    cluster.start_master(primary);
    REQUIRE(cluster.await_whole() == "");
  }
}

TEST_CASE("a witness that had an address votes without one, also before all masters are upgraded") {
  PairClusterOptions options;
  options.arguments = {"--feature-level", "8"};
  options.worker_arguments = {"--witness-listen", "127.0.0.1:0"};
  PairCluster cluster(options);
  cluster.start_workers({"w1"});
  cluster.set_worker_arguments({});
  const auto restart_worker = [&] {
    cluster.worker("w1").terminate();
    REQUIRE(cluster.worker("w1").await_exit());
    cluster.start_workers({"w1"});
    CHECK(listening_sockets(cluster.worker("w1").pid()) == 1);
    CHECK(cluster.status("a").voters.contains("w1"));
  };
  restart_worker();
  CHECK(cluster.status("a").feature_level == 8);
  cluster.set_arguments({});
  for (const auto& name : cluster.names()) {
    cluster.master(name).terminate();
    REQUIRE(cluster.master(name).await_exit());
    cluster.start_master(name);
    REQUIRE(cluster.await_whole() == "");
  }
  CHECK(eventually([&] { return cluster.status("a").feature_level >= 9; }));
  restart_worker();
}

TEST_CASE("a witness that is frozen is missed, and connected again when it goes on") {
  PairCluster cluster;
  cluster.start_workers({"w1"});
  const auto primary = cluster.await_primary();
  cluster.worker("w1").freeze();
  CHECK(eventually([&] { return !cluster.status(primary).is_protected; }));
  cluster.worker("w1").thaw();
  CHECK(cluster.await_whole() == "");
}

TEST_CASE("a connection is a witness's own: nobody else gets what it is sent") {
  PairCluster cluster(with_tokens(patient()));
  cluster.start_workers({"w1", "w2"});
  auto& tokens = cluster.tokens();
  tokens.add("plain", {"--name", "w3", "--role", "worker"});
  tokens.add("eye", {"--name", "eye", "--role", "viewer"});
  cluster.reload_tokens();
  const auto primary = cluster.await_primary();
  for (const auto& master : cluster.names()) {
    const auto& control = cluster.control(master);
    CAPTURE(master);
    REQUIRE(eventually([&] {
      return answer_to(control, "w3", tokens.headers("plain")) == "403";  // it has been read
    }));
    CHECK(answer_to(control, "w1", {}) == "401");
    CHECK(answer_to(control, "w1", {{"Authorization", "Bearer tdm_nobody"}}) == "401");
    CHECK(answer_to(control, "w1", tokens.headers("ops")) == "403");
    CHECK(answer_to(control, "w1", tokens.headers("eye")) == "403");
    CHECK(answer_to(control, "w2", tokens.headers("w1")) == "403");
    CHECK(answer_to(control, "a", tokens.headers("w1")) == "403");
    CHECK(answer_to(control, "a", tokens.headers("b")) == "403");
    CHECK(answer_to(control, "b", tokens.headers("b")) == "403");
    CHECK(answer_to(control, "%61", tokens.headers("w1")) == "400");
    CHECK(answer_to(control, "", tokens.headers("w1")) == "400");
    Client client(control);
    CHECK(client.post("/cluster/link?node=w1", "", tokens.headers("w1")).status == 426);
    CHECK(client.get("/cluster/link?node=w1", tokens.headers("ops")).status == 405);
  }
  CHECK(cluster.await_primary() == primary);
  CHECK(cluster.await_whole() == "");
}

TEST_CASE("who says more before the answer gets no connection, who says nonsense loses it") {
  PairCluster cluster(patient());
  cluster.start_workers({"w1"});
  const auto primary = cluster.await_primary();
  const auto port = port_of(cluster.control(primary));
  auto hasty = RawSocket::connect(port);
  hasty.send(request_for("w2") + "HTTP/1.1 204 No Content\r\n\r\n");
  hasty.read_until("\r\n\r\n");
  CHECK(hasty.closes());
  auto garbage = RawSocket::connect(port);
  garbage.send(request_for("w3"));
  REQUIRE(garbage.read_until("\r\n\r\n").starts_with("HTTP/1.1 101 "));
  CHECK(garbage.read_until("\r\n").starts_with("POST /cluster/messages HTTP/1.1"));
  garbage.send(std::string(100'000, '\xff'));
  garbage.wait_for_hang_up();
  // One that never answers is given up.
  auto silent = RawSocket::connect(port);
  silent.send(request_for("w4"));
  silent.read_until("\r\n\r\n");
  silent.wait_for_hang_up();
  CHECK(cluster.await_primary() == primary);
  CHECK(cluster.await_whole() == "");
}

TEST_CASE("many witnesses that do not vote take no connection of one that does") {
  PairCluster cluster(patient());
  cluster.start_workers({"w1"});
  const auto primary = cluster.await_primary();
  std::vector<RawSocket> others;
  for (int i = 0; i < 60; ++i) {
    others.push_back(RawSocket::connect(port_of(cluster.control(primary))));
    others.back().send(request_for(fmt::format("x{}", i)));
    others.back().read_until("\r\n\r\n");
  }
  cluster.worker("w1").kill9();
  cluster.start_worker("w1");
  CHECK(cluster.await_whole() == "");
  CHECK(cluster.await_primary() == primary);
}

TEST_CASE("a witness whose token has been removed is sent nothing any more") {
  PairCluster cluster(with_tokens());
  cluster.start_workers({"w1", "w2"});
  const auto primary = cluster.await_primary();
  auto& tokens = cluster.tokens();
  tokens.remove("w1");
  cluster.reload_tokens();
  CHECK(eventually([&] {
    const auto said = cluster.worker("w1").errors();
    return is_in("witness not linked node=a", said) && is_in("witness not linked node=b", said) &&
           is_in("status 401", said);
  }));
  CHECK(eventually([&] { return !cluster.status(primary).is_protected; }));
}

TEST_CASE("a witness whose certificate has been revoked loses its connections") {
  PairCluster cluster(with_certificates());
  cluster.start_workers({"w1", "w2"});
  std::ofstream(cluster.certificates().revoked_file()) << "";
  cluster.certificates().revoke("worker", "w1");
  for (const auto& master : cluster.names()) cluster.master(master).signal(SIGHUP);
  CHECK(eventually([&] {
    const auto said = cluster.worker("w1").errors();
    return is_in("witness not linked node=a", said) && is_in("witness not linked node=b", said);
  }));
}

}  // namespace tandem::e2e::witness_links_test
