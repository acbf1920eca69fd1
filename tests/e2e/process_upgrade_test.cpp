// The process of a master gives its place to another one, while clients are served: `tandem
// upgrade`, SIGUSR2.
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <set>
#include <thread>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/e2e/harness/load.hpp"
#include "tests/e2e/harness/pair_cluster.hpp"
#include "tests/e2e/upgradable_master.hpp"

namespace tandem::e2e::process_upgrade_test {
namespace {

// Requests on a connection of their own each.
class ShortConnections {
 public:
  explicit ShortConnections(std::string address)
      : thread_([this, address = std::move(address)] {
          while (!stopping_) {
            const auto answer = get(address, "/");
            ++answered_;
            if (answer.status != 200 && failure_.empty()) {
              failure_ = fmt::format("{} {}", answer.status, answer.error);
            }
          }
        }) {}
  ~ShortConnections() { stop(); }
  void stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }
  std::uint64_t answered() const { return answered_; }
  // REQUIRES: stop()
  const std::string& failure() const { return failure_; }

 private:
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> answered_{0};
  std::string failure_;
  std::thread thread_;
};

constexpr std::string_view request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

bool asks(Socket& client) {
  client.send(request);
  return client.receive_until("\n").starts_with("HTTP/1.1 200");
}

}  // namespace

TEST_CASE("a master gives its place to another process again and again, and no request fails") {
  UpgradableMaster scene;
  Load kept(scene.listen(), 2);
  ShortConnections others(scene.listen());
  std::set<pid_t> processes{scene.process()};
  for (int round = 0; round < 5; ++round) {
    INFO(round);
    REQUIRE(kept.await_more(20));
    const auto before = scene.process();
    const auto told = scene.upgrade();
    INFO(told.errors << scene.errors());
    REQUIRE(told.status == 0);
    CHECK(is_in(fmt::format("has taken the place of {}", before), told.output));
    CHECK(processes.insert(scene.process()).second);
    CHECK(scene.await_end(before));
  }
  CHECK(kept.await_more(20));
  kept.stop();
  others.stop();
  INFO(scene.errors());
  CHECK(kept.first_failure() == "");
  CHECK(others.failure() == "");
  CHECK(others.answered() > 0);
}

TEST_CASE("clients that are idle keep their connections when a master is upgraded") {
  UpgradableMaster scene({"--threads", "2"});
  std::vector<Socket> clients;
  for (int i = 0; i < 300; ++i) {
    clients.emplace_back(scene.listen());
    if (i % 3 != 0) REQUIRE(asks(clients.back()));
  }
  for (int round = 0; round < 3; ++round) {
    INFO(round);
    const auto before = scene.process();
    REQUIRE(scene.upgrade().status == 0);
    CHECK(scene.await_end(before));
    std::size_t served = 0;
    for (auto& client : clients) served += asks(client) ? 1 : 0;
    INFO(scene.errors());
    CHECK(served == clients.size());
  }
}

TEST_CASE("a new process that is not ready changes nothing, and why is said") {
  UpgradableMaster scene;
  const auto before = scene.process();
  Socket client(scene.listen());
  const auto refused = [&](const std::string& why) {
    const auto told = scene.upgrade();
    INFO(told.output << told.errors);
    CHECK(told.status == 1);
    CHECK(is_in(why, told.errors));
    CHECK(scene.process() == before);
    CHECK(asks(client));
  };
  SECTION("it ends at once") {
    write_script(scene.program_file(), "exit 3\n");
    refused("it ended with status 3");
  }
  SECTION("it crashes") {
    write_script(scene.program_file(), "kill -SEGV $$\n");
    refused("ended by signal 11");
  }
  SECTION("it refuses a flag") {
    write_script(scene.program_file(),
                 fmt::format("exec {} \"$@\" --no-such-flag\n", program("tandem-master")));
    refused("--no-such-flag");
  }
  SECTION("there is no file") {
    std::filesystem::remove(scene.program_file());
    refused("cannot be run");
  }
  scene.install();
  CHECK(scene.upgrade().status == 0);
  CHECK(asks(client));
}

TEST_CASE("service goes on whenever the new process of an upgrade is killed") {
  UpgradableMaster scene;
  Load load(scene.listen(), 2);
  // It is killed so long after its start: at each step of the upgrade, and after it.
  for (int ms = 0; ms <= 400; ms += 40) {
    INFO(ms);
    write_script(scene.program_file(),
                 fmt::format("(sleep {:.3f}; kill -9 $$) > /dev/null 2>&1 3>&- &\nexec {} \"$@\"\n",
                             ms / 1000.0, program("tandem-master")));
    const auto before = scene.process();
    REQUIRE(before != 0);
    const auto told = scene.upgrade();
    // Once it serves it is killed as any master may be, perhaps before the command hears of it.
    if (told.status == 0 || scene.has_taken_over()) break;
    INFO(told.errors);
    CHECK(eventually([&] { return scene.process() != 0; }));
    CHECK(scene.serves());
    CHECK(load.await_more(5));
  }
  load.stop();
}

TEST_CASE("service goes on whenever the old process of an upgrade is killed") {
  // It is killed so long after its new process has begun: at each step of the upgrade, and after
  // it.
  for (int ms = 0; ms <= 400; ms += 40) {
    INFO(ms);
    // A new process that has got no sockets yet opens its own.
    UpgradableMaster scene({}, free_address(), free_address());
    const auto before = scene.process();
    ::kill(before, SIGUSR2);
    REQUIRE(eventually([&] { return is_in("upgrade begun", scene.errors()); }));
    std::this_thread::sleep_for(std::chrono::milliseconds(ms));
    ::kill(before, SIGKILL);
    CHECK(eventually([&] { return scene.process() != 0 && scene.process() != before; }));
    CHECK(eventually([&] { return scene.serves(); }));
  }
}

TEST_CASE(
    "the masters of a cluster are upgraded in turn without a failed request, by the example") {
  PairCluster cluster;
  cluster.start_workers({"w1"});
  Load at_a(cluster.listen("a"), 2);
  Load at_b(cluster.listen("b"), 2);
  REQUIRE(at_a.await_more(20));
  for (int round = 0; round < 2; ++round) {
    INFO(round);
    const auto told =
        run({"env", "TANDEM_BIN=" + std::filesystem::path(program("tandem")).parent_path().string(),
             TANDEM_EXAMPLES_DIR "/rolling_upgrade.sh", cluster.control("a"), cluster.control("b")},
            90s);
    INFO(told.output << told.errors);
    REQUIRE(told.status == 0);
    CHECK(is_in("all masters are upgraded", told.output));
    CHECK(at_a.await_more(20));
    CHECK(at_b.await_more(20));
  }
  at_a.stop();
  at_b.stop();
  CHECK(at_a.first_failure() == "");
  CHECK(at_b.first_failure() == "");
}

}  // namespace tandem::e2e::process_upgrade_test
