// What the programs tell systemd, on the socket on which it listens.
#include <sys/resource.h>

#include <csignal>
#include <thread>

#include <catch2/catch.hpp>

#include "tests/e2e/harness/cluster.hpp"
#include "tests/e2e/harness/frozen_thread.hpp"
#include "tests/e2e/harness/notify_listener.hpp"
#include "tests/e2e/harness/pair_cluster.hpp"

namespace tandem::e2e::service_manager_test {

using Catch::Contains;

namespace {

// Short, so that it is soon known whether signs of life come; a busy machine delays them only.
constexpr Milliseconds watchdog = 300ms;
// Many of the intervals at which they come.
constexpr Milliseconds long_without = 900ms;

// A program that speaks to a listener of its own.
struct Service {
  explicit Service(const Arguments& arguments)
      : manager(dir), process(dir, "service", with_prefix(arguments)) {}
  Arguments with_prefix(const Arguments& arguments) const {
    auto words = manager.prefix(watchdog);
    words.insert(words.end(), arguments.begin(), arguments.end());
    return words;
  }

  TempDir dir;
  NotifyListener manager;
  Process process;
};

// A master alone.
Arguments master(const Arguments& more = {}) {
  Arguments words = {program("tandem-master"),
                     "--node",
                     "a",
                     "--listen",
                     "127.0.0.1:0",
                     "--control",
                     "127.0.0.1:0",
                     "--threads",
                     "2",
                     "--worker-heartbeat",
                     "200ms"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

bool beats(NotifyListener& manager, Milliseconds deadline = long_without) {
  manager.forget();
  return !manager.await("WATCHDOG=1", deadline).empty();
}

// One may have been on its way when a thread was stopped.
bool is_silent(NotifyListener& manager) {
  beats(manager, watchdog);
  return !beats(manager);
}

}  // namespace

TEST_CASE("a master says that it is ready when clients are served, and how it stands") {
  Service service(master());
  const auto ready = service.process.await_line("tandem-master ready");
  REQUIRE(!service.manager.await("READY=1").empty());
  CHECK(get(field_of(ready, "control"), "/ready").status == 200);
  CHECK(service.manager.has("STATUS=primary in term 2; not protected: the loss of a would end"));
  service.manager.forget();
  CHECK(post(field_of(ready, "control"), "/v1/switchover").status != 200);
  service.process.terminate();
  CHECK_THAT(service.manager.await("STOPPING=1"), Contains("EXTEND_TIMEOUT_USEC=45000000"));
  CHECK(service.process.await_exit() == 0);
  CHECK(!service.manager.has("READY=1"));  // once is enough
}

TEST_CASE("a master that waits for the others is not ready, asks for time and says why") {
  const TempDir dir;
  NotifyListener manager(dir);
  PairClusterOptions options;
  options.prefixes["a"] = manager.prefix(watchdog);
  PairCluster cluster(std::move(options));
  CHECK(!manager.await("READY=1").empty());
  REQUIRE(cluster.await_whole() == "");
  for (const auto& name : cluster.names()) cluster.master(name).kill9();
  manager.forget();
  cluster.start_master("a");
  REQUIRE(!manager.await("; not protected: nobody is known to lead").empty());
  CHECK(!manager.await("WATCHDOG=1\nEXTEND_TIMEOUT_USEC=300000").empty());
  CHECK(!manager.has("READY=1"));
  cluster.start_master("b");
  CHECK(!manager.await("READY=1").empty());
  // From then on no time is asked for.
  manager.forget();
  CHECK(manager.await("WATCHDOG=1") == "WATCHDOG=1");
}

TEST_CASE("a reload is announced, and its end, whether it changes anything or not") {
  const TempDir dir;
  const auto file = dir.write("m.toml", "idle-timeout = \"30s\"\n");
  Service service(master({"--config", file}));
  REQUIRE(!service.manager.await("READY=1").empty());
  const auto reloads = [&] {
    service.manager.forget();
    service.process.signal(SIGHUP);
    CHECK_THAT(service.manager.await("RELOADING=1"), Contains("\nMONOTONIC_USEC="));
    CHECK(!service.manager.await("READY=1").empty());
  };
  reloads();
  dir.write("m.toml", "idle-timeout = ");
  reloads();
}

TEST_CASE("a loop that hangs ends the signs of life, and one that goes on brings them back") {
  Service service(master());
  REQUIRE(!service.manager.await("READY=1").empty());
  for (const std::string thread : {"forward-0", "forward-1", "control"}) {
    INFO(thread);
    REQUIRE(!service.manager.await("WATCHDOG=1").empty());
    {
      const FrozenThread frozen(service.process, thread);
      CHECK(is_silent(service.manager));
    }
    CHECK(!service.manager.await("WATCHDOG=1").empty());
  }
  service.process.freeze();
  CHECK(is_silent(service.manager));
  service.process.thaw();
  CHECK(!service.manager.await("WATCHDOG=1").empty());
}

TEST_CASE("a master without a free descriptor still says that it is alive") {
  Service service(master());
  REQUIRE(!service.manager.await("READY=1").empty());
  const rlimit none{3, 3};
  REQUIRE(::prlimit(service.process.pid(), RLIMIT_NOFILE, &none, nullptr) == 0);
  service.manager.forget();
  for (int i = 0; i < 5; ++i) CHECK(!service.manager.await("WATCHDOG=1").empty());
}

TEST_CASE("a worker says that it is ready when a master knows it, and with whom it is registered") {
  PairCluster cluster;
  const auto primary = cluster.await_primary();
  Service worker({program("tandem-worker"), "--name", "w", "--listen", "127.0.0.1:0", "--master",
                  cluster.control("a"), "--master", cluster.control("b")});
  REQUIRE(!worker.manager.await("READY=1").empty());
  CHECK(cluster.status(primary).workers.contains("w"));
  CHECK(eventually([&] {
    return worker.manager.has("STATUS=registered with 2 of 2 masters, " + primary + " leads");
  }));
  worker.process.signal(SIGHUP);
  CHECK_THAT(worker.manager.await("RELOADING=1"), Contains("\nMONOTONIC_USEC="));
  CHECK(!worker.manager.await("READY=1").empty());
  for (const auto& name : cluster.names()) cluster.master(name).kill9();
  CHECK(!worker.manager.await("STATUS=not registered: ").empty());
  worker.process.terminate();
  CHECK_THAT(worker.manager.await("STOPPING=1"), Contains("EXTEND_TIMEOUT_USEC=45000000"));
  CHECK(worker.process.await_exit() == 0);
}

TEST_CASE("a worker that no master knows is not ready, whether it serves or registers a target") {
  const auto waits = [](const Arguments& arguments) {
    Arguments words = {program("tandem-worker"), "--name", "w", "--master", "127.0.0.1:1"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    Service worker(words);
    worker.process.await_line("tandem-worker ready");
    CHECK(!worker.manager.await("STATUS=not registered: ").empty());
    CHECK(!worker.manager.await("WATCHDOG=1\nEXTEND_TIMEOUT_USEC=").empty());
    CHECK(!worker.manager.has("READY=1"));
  };
  waits({"--listen", "127.0.0.1:0"});
  waits({"--target", "127.0.0.1:1"});
}

TEST_CASE("a worker that does not accept connections any more is not alive") {
  Cluster cluster;
  Service worker({program("tandem-worker"), "--name", "w", "--listen", "127.0.0.1:0", "--master",
                  cluster.control()});
  REQUIRE(!worker.manager.await("READY=1").empty());
  REQUIRE(!worker.manager.await("WATCHDOG=1").empty());
  {
    const FrozenThread frozen(worker.process, "accept");
    CHECK(is_silent(worker.manager));
  }
  CHECK(!worker.manager.await("WATCHDOG=1").empty());
}

TEST_CASE("a worker that drains for long says that it is alive") {
  Cluster cluster;
  Service worker({program("tandem-worker"), "--name", "w", "--listen", "127.0.0.1:0", "--master",
                  cluster.control()});
  REQUIRE(!worker.manager.await("READY=1").empty());
  REQUIRE(cluster.await_state("w", "up"));
  Client client(cluster.listen());
  std::thread slow([&] { CHECK(client.get("/slow?ms=2000").status == 200); });
  CHECK(eventually([&] { return cluster.workers().at("w").in_flight == 1; }));
  worker.process.terminate();
  REQUIRE(!worker.manager.await("STOPPING=1").empty());
  CHECK(beats(worker.manager));
  slow.join();
  CHECK(worker.process.await_exit() == 0);
}

}  // namespace tandem::e2e::service_manager_test
