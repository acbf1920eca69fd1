// An upgrade where something is short, or other things go on: TLS, HTTP/2, long answers, a full
// disk, few descriptors, a reload, another upgrade.
#include <chrono>
#include <future>
#include <thread>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "common/wire/status.hpp"
#include "tests/e2e/certificate_pair.hpp"
#include "tests/e2e/harness/load.hpp"
#include "tests/e2e/harness/pair_cluster.hpp"
#include "tests/e2e/harness/small_disk.hpp"
#include "tests/e2e/harness/streams_load.hpp"
#include "tests/e2e/upgradable_master.hpp"

namespace tandem::e2e::upgrade_conditions_test {
namespace {

// The process before the one that serves; 0: there is none any more.
std::int64_t former_of(const UpgradableMaster& master) {
  const auto status = tandem::wire::parse_status(get(master.control(), "/status").body);
  return status.ok() && status->former_process ? status->former_process->pid : 0;
}

bool asks(Socket& client) {
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  return client.receive_until("\n").starts_with("HTTP/1.1 200");
}

// A client by TLS that keeps its connection, and asks again where it was closed.
class TlsLoad {
 public:
  TlsLoad(const std::string& address, const ClientCertificate& self)
      : thread_([this, address, self] {
          Client client(address, self);
          while (!stopping_) {
            auto answer = client.get("/");
            if (answer.status == 0 && answer.error == "Read") answer = client.get("/");
            ++answered_;
            if (answer.status != 200 && failure_.empty()) {
              failure_ = fmt::format("{} {} {}", answer.status, answer.error, answer.body);
            }
          }
        }) {}
  ~TlsLoad() { stop(); }
  bool await_more(std::uint64_t requests) const {
    const auto wanted = answered_ + requests;
    return eventually([&] { return answered_ >= wanted; });
  }
  void stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }
  // REQUIRES: stop()
  const std::string& failure() const { return failure_; }

 private:
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> answered_{0};
  std::string failure_;
  std::thread thread_;
};

}  // namespace

TEST_CASE("a master whose clients all speak TLS is upgraded, and no request of theirs fails") {
  const TempDir dir;
  const CertificatePair pair(dir, "site");
  UpgradableMaster master({"--listen-tls", "127.0.0.1:0", "--tls", pair.flag()}, "");
  const auto port = master.listen().substr(master.listen().rfind(':'));
  TlsLoad load("localhost" + port, {pair.certificate(), "", ""});
  for (int round = 0; round < 3; ++round) {
    INFO(round);
    REQUIRE(load.await_more(20));
    const auto before = master.process();
    const auto told = master.upgrade();
    INFO(told.errors << master.errors());
    REQUIRE(told.status == 0);
    CHECK(master.await_end(before));
  }
  CHECK(load.await_more(20));
  load.stop();
  INFO(master.errors());
  CHECK(load.failure() == "");
}

TEST_CASE("calls of HTTP/2 go on over upgrades, on connections that are told to go") {
  UpgradableMaster master;
  StreamsLoad load({.addresses = {master.listen()},
                    .requests = {{"GET", "/", "", ""}, {"POST", "/echo", "one", "one"}}});
  REQUIRE(load.await_more(50));
  const auto connections = load.connections();
  for (int round = 0; round < 3; ++round) {
    INFO(round);
    const auto before = master.process();
    const auto told = master.upgrade();
    INFO(told.errors << master.errors());
    REQUIRE(told.status == 0);
    CHECK(load.await_more(50));
    CHECK(master.await_end(before));
  }
  load.stop();
  INFO(master.errors());
  CHECK(load.failures() == "");
  CHECK(load.connections() > connections);
}

TEST_CASE(
    "an answer that has begun ends in the old process, and its connection goes on in the new") {
  UpgradableMaster master;
  Socket client(master.listen());
  constexpr std::size_t size = 64 * 1024 * 1024;  // more than fits in between
  client.send(fmt::format("GET /bytes/{} HTTP/1.1\r\nHost: a\r\n\r\n", size));
  const auto head = client.receive_until("\r\n\r\n");
  REQUIRE(head.starts_with("HTTP/1.1 200"));
  const auto before = master.process();
  REQUIRE(master.upgrade().status == 0);
  // It is told of, and keeps others from beginning.
  CHECK(former_of(master) == before);
  const auto second = master.upgrade();
  CHECK(second.status == 1);
  CHECK(is_in("clients connected to it: 1", second.errors));
  CHECK(is_alive(before));
  auto left = size - (head.size() - head.find("\r\n\r\n") - 4);
  while (left > 0) {
    const auto more = client.receive_some();
    if (more == 0) break;
    left -= more;
  }
  CHECK(left == 0);
  CHECK(master.await_end(before));
  CHECK(asks(client));
  CHECK(master.upgrade().status == 0);
  CHECK(asks(client));
}

TEST_CASE("a full disk refuses an upgrade, and nothing has changed") {
  TempDir disks;
  SmallDisk disk(disks.path("a"));
  if (!disk.mounted()) return;
  UpgradableMaster master({"--data-dir", disk.path()});
  Socket client(master.listen());
  REQUIRE(asks(client));
  const auto before = master.process();
  disk.fill();
  const auto told = master.upgrade();
  CHECK(told.status == 1);
  CHECK(is_in("cannot be written: No space left on device", told.errors));
  CHECK(master.process() == before);
  CHECK(asks(client));
}

TEST_CASE("a new process that may have few descriptors takes as many clients as it can") {
  UpgradableMaster master({"--threads", "1"});
  std::vector<Socket> clients;
  for (int i = 0; i < 100; ++i) clients.emplace_back(master.listen());
  for (auto& client : clients) REQUIRE(asks(client));
  const auto before = master.process();
  write_script(master.program_file(),
               fmt::format("ulimit -n 100; exec {} \"$@\"\n", program("tandem-master")));
  const auto told = master.upgrade();
  INFO(told.errors << master.errors());
  REQUIRE(told.status == 0);
  CHECK(eventually([&] { return is_in("clients stay with this process", master.errors()); }));
  // Those that stay are told to leave by their next answer, or when they are idle.
  CHECK(master.await_end(before));
  CHECK(master.serves());
  std::size_t kept = 0;
  for (auto& client : clients) {
    try {
      kept += asks(client) ? 1 : 0;
    } catch (const std::runtime_error&) {  // it was closed while idle
    }
  }
  CHECK(kept >= 20);
  CHECK(kept < clients.size());
}

TEST_CASE("a new process that may have no descriptors for the sockets changes nothing") {
  UpgradableMaster master({"--threads", "1"});
  const auto before = master.process();
  Socket client(master.listen());
  write_script(master.program_file(),
               fmt::format("ulimit -n 12; exec {} \"$@\"\n", program("tandem-master")));
  const auto told = master.upgrade();
  CHECK(told.status == 1);
  CHECK(is_in("may have no more than 12 descriptors", told.errors));
  CHECK(master.process() == before);
  CHECK(asks(client));
  master.install();
  CHECK(master.upgrade().status == 0);
}

TEST_CASE("of upgrades that are asked for at once one begins") {
  UpgradableMaster master;
  Load load(master.listen(), 2);
  const auto before = master.process();
  std::vector<std::future<Finished>> asked;
  for (int i = 0; i < 4; ++i) {
    asked.push_back(std::async(std::launch::async, [&] { return master.upgrade(); }));
  }
  int begun = 0;
  for (auto& each : asked) {
    const auto told = each.get();
    INFO(told.output << told.errors);
    begun += told.status == 0 ? 1 : 0;
    // One that comes late is another upgrade, of the process that serves by then.
    CHECK((told.status == 0 || is_in("under way", told.errors) ||
           is_in("has not ended yet", told.errors) || is_in("does not serve yet", told.errors)));
  }
  CHECK(begun >= 1);
  CHECK(master.await_end(before));
  CHECK(load.await_more(20));
  load.stop();
  CHECK(load.first_failure() == "");
}

TEST_CASE("reloads and an upgrade do not disturb each other") {
  const TempDir dir;
  const auto file = dir.write("master.toml", "rate-limit = \"100000\"\n");
  UpgradableMaster master({"--config", file});
  Load load(master.listen(), 2);
  std::atomic<bool> stopping{false};
  std::atomic<int> reloads{0};
  std::thread operator_([&] {
    while (!stopping) {
      const auto told = run({program("tandem"), "--control", master.control(), "reload"});
      reloads += told.status == 0 ? 1 : 0;
    }
  });
  for (int round = 0; round < 3; ++round) {
    INFO(round);
    const auto before = master.process();
    const auto reloaded = reloads.load();
    CHECK(eventually([&] { return reloads > reloaded; }));
    const auto told = master.upgrade();
    CHECK(told.errors == "");
    CHECK(master.await_end(before));
  }
  const auto reloaded = reloads.load();
  CHECK(eventually([&] { return reloads > reloaded; }));
  stopping = true;
  operator_.join();
  load.stop();
  INFO(master.errors());
  CHECK(load.first_failure() == "");
}

TEST_CASE("masters that pass requests on over TLS are upgraded in turn without a failed request") {
  PairCluster cluster(with_certificates());
  cluster.start_workers({"w1"});
  Load at_a(cluster.listen("a"), 2);
  Load at_b(cluster.listen("b"), 2);
  REQUIRE(at_a.await_more(20));
  REQUIRE(at_b.await_more(20));
  const auto process_of = [&](const std::string& name) {
    const auto status = tandem::wire::parse_status(cluster.ask(name, "/status").body);
    return status.ok() && status->process && !status->former_process ? status->process->pid : 0;
  };
  for (int round = 0; round < 4; ++round) {
    const std::string name = round % 2 == 0 ? "a" : "b";
    INFO(round << " " << name);
    const auto before = process_of(name);
    const auto told = cluster.tell(name, "/v1/upgrade");
    INFO(told.body);
    REQUIRE(told.status == 200);
    REQUIRE(eventually([&] { return process_of(name) != before && process_of(name) != 0; }));
    CHECK(at_a.await_more(20));
    CHECK(at_b.await_more(20));
  }
  at_a.stop();
  at_b.stop();
  CHECK(at_a.first_failure() == "");
  CHECK(at_b.first_failure() == "");
}

}  // namespace tandem::e2e::upgrade_conditions_test
