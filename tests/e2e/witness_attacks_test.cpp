// Attacks on the connections that witnesses make to masters, and members that are lost while those
// stand, on real processes.
#include <signal.h>

#include <algorithm>

#include <catch2/catch.hpp>

#include "tests/e2e/harness/load.hpp"
#include "tests/e2e/harness/pair_cluster.hpp"
#include "tests/gateway/raw_socket.hpp"

namespace tandem::e2e::witness_attacks_test {

using test::RawSocket;

namespace {

std::uint16_t port_of(const std::string& address) {
  return static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
}

// A connection on which that master asks from now on.
RawSocket linked(const PairCluster& cluster, const std::string& master,
                 const std::string& witness) {
  auto socket = RawSocket::connect(port_of(cluster.control(master)));
  socket.send(
      fmt::format("POST /cluster/link?node={} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                  "Connection: Upgrade\r\nUpgrade: tandem-link\r\n\r\n",
                  witness));
  REQUIRE(socket.read_until("\r\n\r\n").starts_with("HTTP/1.1 101 "));
  return socket;
}

// Sends it until the other end closes; false: it takes whatever comes.
bool is_closed_to(RawSocket& socket, const std::string& bytes) {
  return eventually([&] {
    try {
      return !socket.try_send(bytes, 5'000);
    } catch (const std::runtime_error&) {
      return true;
    }
  });
}

}  // namespace

TEST_CASE("whatever is said on links, the witnesses' own are not touched, and the primary leads") {
  PairClusterOptions options;
  options.arguments = {"--election-timeout", "3s"};  // the machine may stall for a moment
  PairCluster cluster(options);
  cluster.start_workers({"w1"});
  const auto primary = cluster.await_primary();
  const auto term = cluster.status(primary).term;
  const std::string head = "HTTP/1.1 200 OK\r\n";
  for (const auto& master : cluster.names()) {
    CAPTURE(master);
    std::vector<RawSocket> others;
    for (const auto& said :
         {std::string(64 * 1024, '\0'), std::string("POST /cluster/messages HTTP/1.1\r\n\r\n"),
          head + "Content-Length: 4\r\n", head + "Content-Length: 1000000000\r\n\r\n{",
          head + "X: " + std::string(200'000, 'x')}) {
      others.push_back(linked(cluster, master, fmt::format("x{}", others.size())));
      others.back().try_send(said);
    }
    for (auto& other : others) other.wait_for_hang_up();
    // Messages without end: answers to what was not asked, a body that never ends.
    auto eager = linked(cluster, master, "eager");
    CHECK(is_closed_to(eager, "HTTP/1.1 204 No Content\r\n\r\n"));
    auto endless = linked(cluster, master, "endless");
    endless.try_send(head + "Transfer-Encoding: chunked\r\n\r\n");
    CHECK(is_closed_to(endless, "4000\r\n" + std::string(0x4000, 'x') + "\r\n"));
    CHECK(cluster.client(master).get("/health").status == 200);
  }
  CHECK(cluster.await_whole() == "");
  CHECK(cluster.primaries() == std::vector{primary});
  CHECK(cluster.status(primary).term == term);
}

TEST_CASE("somebody who calls in a witness's name on the machine itself ends with its next call") {
  // Without tokens and certificates whoever is on the machine is believed.
  PairCluster cluster;
  cluster.start_workers({"w1"});
  auto thief = linked(cluster, cluster.await_primary(), "w1");
  thief.wait_for_hang_up();
  CHECK(cluster.await_whole() == "");
}

TEST_CASE("over TLS a connection is for the certificate of that very witness") {
  PairCluster cluster(with_certificates());
  cluster.start_workers({"w1", "w2"});
  auto& certificates = cluster.certificates();
  certificates.issue("worker", "w3");
  const auto primary = cluster.await_primary();
  const auto asks = [&](const std::string& kind, const std::string& name,
                        const std::string& witness) {
    return cluster.client(primary, certificates.of(kind, name))
        .post("/cluster/link?node=" + witness, "",
              {{"Connection", "Upgrade"}, {"Upgrade", "tandem-link"}})
        .status;
  };
  CHECK(asks("worker", "w3", "w3") == 403);
  CHECK(asks("worker", "w3", "w1") == 403);
  CHECK(asks("worker", "w2", "w1") == 403);
  CHECK(asks("operator", "ops", "w1") == 403);
  CHECK(asks("master", cluster.standby_of(primary), "w1") == 403);
  CHECK(asks("master", cluster.standby_of(primary), cluster.standby_of(primary)) == 403);
  CHECK(cluster.await_whole() == "");
}

TEST_CASE("a worker that was removed votes no more, and is sent no messages when it calls") {
  PairCluster cluster;
  cluster.start_workers({"w1", "w2"});
  const auto primary = cluster.await_primary();
  const std::string removed = cluster.status(primary).voters.contains("w1") ? "w1" : "w2";
  const std::string other = removed == "w1" ? "w2" : "w1";
  REQUIRE(cluster.send(primary, "DELETE", "/v1/workers/" + removed, "", patience).status == 200);
  REQUIRE(eventually([&] {
    const auto voters = cluster.status(primary).voters;
    return voters.contains(other) && !voters.contains(removed);
  }));
  // As one that was taken over would.
  auto kept = linked(cluster, primary, removed);
  kept.read_until("POST /cluster/messages HTTP/1.1\r\n");
  kept.read_until("\"messages\":[");
  CHECK(kept.read_exactly(1) == "]");
  cluster.master(primary).kill9();
  CHECK(cluster.await_primary() != primary);
}

TEST_CASE("a frozen primary is replaced with the vote of a witness that is linked to it") {
  PairCluster cluster;
  cluster.start_workers({"w1"});
  for (int round = 0; round < 2; ++round) {
    const auto frozen = cluster.await_primary();
    const auto other = cluster.standby_of(frozen);
    cluster.freeze(frozen);
    CHECK(cluster.await_primary() == other);
    CHECK(get(cluster.listen(other), "/").status == 200);
    cluster.thaw(frozen);
    REQUIRE(cluster.await_whole() == "");
  }
}

TEST_CASE("a cluster is whole again in whichever order its members start") {
  PairCluster cluster;
  cluster.start_workers({"w1"});
  std::vector<std::string> order{"a", "b", "w1"};
  do {
    CAPTURE(order);
    for (const auto& master : cluster.names()) cluster.master(master).kill9();
    cluster.worker("w1").kill9();
    for (const auto& name : order) {
      if (name == "w1") {
        cluster.start_worker("w1");
      } else {
        cluster.launch_master(name);
      }
    }
    REQUIRE(cluster.await_whole() == "");
    CHECK(cluster.status("a").voters.contains("w1"));
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("a witness is linked again while strangers take all descriptors of the masters") {
  PairClusterOptions options;
  for (const auto* name : {"a", "b"}) {
    options.prefixes[name] = {"sh", "-c", "ulimit -n 120; exec \"$@\"", "sh"};
  }
  PairCluster cluster(options);
  cluster.start_workers({"w1"});
  std::vector<Socket> strangers;
  for (const auto& master : cluster.names()) {
    for (int i = 0; i < 200; ++i) strangers.emplace_back(cluster.control(master));
  }
  cluster.worker("w1").kill9();
  cluster.start_worker("w1");
  CHECK(cluster.await_whole() == "");
  const auto primary = cluster.await_primary();
  strangers.clear();
  cluster.master(primary).kill9();
  CHECK(cluster.await_primary() == cluster.standby_of(primary));
}

}  // namespace tandem::e2e::witness_attacks_test
