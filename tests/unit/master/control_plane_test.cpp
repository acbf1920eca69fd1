#include <atomic>
#include <fstream>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "common/base/clock.hpp"
#include "tests/unit/master/control_fixture.hpp"
#include "tests/unit/master/temporary_directory.hpp"

namespace tandem::master::control_plane_test {

using Json = nlohmann::json;

namespace {

wire::WorkerSpec backend_at(const std::string& name, const Endpoint& address) {
  return {.name = name, .address = address};
}

// The state that the API shows of a worker; "unknown" when it shows none.
std::string state_of(ControlClient& client, const std::string& name) {
  const auto answer = client.get("/v1/workers/" + name);
  if (answer.status != 200) return "unknown";
  return Json::parse(answer.body)["workers"][0]["state"];
}

const std::string good_answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

}  // namespace

TEST_CASE("the first snapshot comes although nobody is registered") {
  ControlFixture cluster;
  CHECK(eventually([&] { return cluster.snapshots() == 1; }));
  CHECK(cluster.traffic() == "no such service");
}

TEST_CASE(
    "snapshots are published on one thread, which is not the one that started the control plane") {
  std::mutex mutex;
  std::set<std::thread::id> threads;
  ServingGate gate;
  ControlPlane plane({.node = "a", .control = {"127.0.0.1", 0}}, gate,
                     {[&](SnapshotPtr) {
                        const std::lock_guard lock(mutex);
                        threads.insert(std::this_thread::get_id());
                      },
                      [](LeadershipPtr) {}});
  REQUIRE(plane.start().ok());
  plane.take_part();
  ControlClient client(plane.address());
  for (int i = 0; i < 20; ++i) {
    REQUIRE(client.post("/heartbeat", heartbeat_json(fmt::format("w{}", i))).status == 200);
  }
  plane.stop();
  CHECK(threads.size() == 1);
  CHECK(!threads.contains(std::this_thread::get_id()));
}

TEST_CASE("what an answer says is in force when it comes, though publications are far between") {
  std::mutex mutex;
  std::uint64_t adopted = 0;
  std::map<std::size_t, std::uint64_t> published;  // the first version with so many workers
  ServingGate gate;
  ControlPlaneHooks hooks{.snapshot =
                              [&](SnapshotPtr next) {
                                // What takes long to publish is published seldom.
                                std::this_thread::sleep_for(5ms);
                                const auto* service = next->find("default");
                                if (service == nullptr) return;
                                const std::lock_guard lock(mutex);
                                published.emplace(service->workers.size(), next->version);
                              },
                          .leadership = [](LeadershipPtr) {}};
  hooks.has_adopted = [&](std::uint64_t version) {
    const std::lock_guard lock(mutex);
    return std::exchange(adopted, version) >= version;  // at the second look
  };
  ControlPlane plane({.node = "a", .control = {"127.0.0.1", 0}, .worker_heartbeat = 30s}, gate,
                     hooks);
  REQUIRE(plane.start().ok());
  plane.take_part();
  ControlClient client(plane.address());
  for (std::size_t i = 1; i <= 20; ++i) {
    const auto name = fmt::format("w{}", i);
    REQUIRE(client.post("/heartbeat", heartbeat_json(name)).status == 200);
    CHECK(state_of(client, name) == "up");
    const std::lock_guard lock(mutex);
    REQUIRE(published.contains(i));
    CHECK(adopted >= published[i]);
  }
  plane.stop();
}

TEST_CASE("a loop that hangs delays an answer, and does not keep it") {
  ServingGate gate;
  ControlPlaneHooks hooks{.snapshot = [](SnapshotPtr) {}, .leadership = [](LeadershipPtr) {}};
  hooks.has_adopted = [](std::uint64_t) { return false; };
  ControlPlane plane({.node = "a", .control = {"127.0.0.1", 0}}, gate, hooks);
  REQUIRE(plane.start().ok());
  plane.take_part();
  ControlClient client(plane.address());
  CHECK(client.get("/status").status == 200);
  plane.stop();
}

TEST_CASE("a worker that falls silent loses its traffic") {
  ControlFixture cluster({.worker_heartbeat = 20ms});
  ControlClient client(cluster.plane.address());
  REQUIRE(client.post("/heartbeat", heartbeat_json("w1")).status == 200);
  CHECK(eventually([&] { return cluster.traffic() == "w1"; }));
  CHECK(eventually([&] { return cluster.traffic().empty(); }));
  CHECK(state_of(client, "w1") == "down");
}

TEST_CASE(
    "a failure that a forwarding loop reports makes a worker suspect until its next heartbeat") {
  ControlFixture cluster({.worker_heartbeat = 200ms});
  ControlClient client(cluster.plane.address());
  REQUIRE(client.post("/heartbeat", heartbeat_json("w1")).status == 200);
  REQUIRE(eventually([&] { return cluster.traffic() == "w1"; }));
  const auto worker = cluster.shown("w1");
  REQUIRE(!worker->counters->suspect.exchange(true));
  cluster.plane.report_failure(worker->id, FailureKind::refused);
  CHECK(eventually([&] { return cluster.traffic().empty(); }));
  CHECK(eventually([&] {
    return client.post("/heartbeat", heartbeat_json("w1")).status == 200 &&
           cluster.traffic() == "w1";
  }));
  CHECK(!worker->counters->suspect);
}

TEST_CASE("a configured backend is served once it answers, whatever it answers below 500") {
  for (const auto* line : {"200 OK", "404 Not Found", "301 Moved", "204 No Content", "499 Odd"}) {
    INFO(line);
    FixedBackend backend(fmt::format("HTTP/1.1 {}\r\nContent-Length: 0\r\n\r\n", line));
    ControlFixture cluster(
        {.worker_heartbeat = 50ms, .backends = {backend_at("n1", backend.address())}});
    CHECK(eventually([&] { return cluster.traffic() == "n1"; }));
  }
}

TEST_CASE("a backend that answers 5xx, no HTTP, nothing, or refuses gets no traffic") {
  FixedBackend failing("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
  FixedBackend strange("220 mail.example ESMTP\r\n");
  FixedBackend silent("");
  Endpoint nobody;
  {
    FixedBackend gone(good_answer);
    nobody = gone.address();
  }
  FixedBackend good(good_answer);
  ControlFixture cluster(
      {.worker_heartbeat = 20ms,
       .backends = {backend_at("failing", failing.address()), backend_at("good", good.address()),
                    backend_at("nobody", nobody), backend_at("silent", silent.address()),
                    backend_at("strange", strange.address())}});
  CHECK(eventually([&] {
    return good.requests() > 5 && failing.requests() > 5 && strange.requests() > 5 &&
           silent.requests() > 1;
  }));
  CHECK(cluster.traffic() == "good");
  ControlClient client(cluster.plane.address());
  CHECK(eventually([&] {
    const auto workers = Json::parse(client.get("/v1/workers").body)["workers"];
    return workers[0]["reason"] == "health check failed: status 503" &&
           workers[2]["reason"] == "health check failed: connection refused" &&
           workers[3]["reason"] == "health check failed: timed out" &&
           workers[4]["reason"] == "health check failed: the answer is not HTTP";
  }));
}

TEST_CASE("a backend that dies is suspect with the next probe and is back after its return") {
  auto backend = std::make_unique<FixedBackend>(good_answer);
  const auto address = backend->address();
  ControlFixture cluster({.worker_heartbeat = 20ms, .backends = {backend_at("n1", address)}});
  REQUIRE(eventually([&] { return cluster.traffic() == "n1"; }));
  backend.reset();
  CHECK(eventually([&] { return cluster.traffic().empty(); }));
  backend = std::make_unique<FixedBackend>(good_answer, address.port);
  CHECK(eventually([&] { return cluster.traffic() == "n1"; }));
}

TEST_CASE("a hundred backends are all probed, and again") {
  FixedBackend backend(good_answer);
  ControlPlaneOptions options{.worker_heartbeat = 50ms};
  for (int i = 0; i < 100; ++i) {
    options.backends.push_back(backend_at(fmt::format("n{:02}", i), backend.address()));
  }
  ControlFixture cluster(options);
  CHECK(eventually([&] { return backend.requests() > 300; }));
  CHECK(eventually([&] {
    const auto names = cluster.traffic();
    return std::count(names.begin(), names.end(), ' ') == 99;
  }));
}

TEST_CASE("drains, weights and added workers survive a restart") {
  const TemporaryDirectory directory;
  const auto data_dir = (directory.path() / "a").string();
  FixedBackend backend(good_answer);
  {
    ControlFixture cluster({.worker_heartbeat = 50ms, .data_dir = data_dir});
    ControlClient client(cluster.plane.address());
    for (const auto* name : {"w1", "w2"}) {
      REQUIRE(client.post("/heartbeat", heartbeat_json(name)).status == 200);
    }
    REQUIRE(client.post("/v1/workers/w1/drain").status == 200);
    REQUIRE(client.post("/v1/workers/w2/weight", R"({"weight": 3})").status == 200);
    REQUIRE(client
                .post("/v1/workers", fmt::format(R"({{"name": "n1", "address": "{}"}})",
                                                 backend.address().to_string()))
                .status == 201);
  }
  ControlFixture cluster({.worker_heartbeat = 50ms, .data_dir = data_dir});
  ControlClient client(cluster.plane.address());
  CHECK(eventually([&] { return cluster.traffic() == "n1"; }));
  for (const auto* name : {"w1", "w2"}) {
    REQUIRE(client.post("/heartbeat", heartbeat_json(name)).status == 200);
  }
  CHECK(state_of(client, "w1") == "draining");
  CHECK(Json::parse(client.get("/v1/workers/w2").body)["workers"][0]["weight"] == 3);
}

TEST_CASE("a damaged log stops the start, with a sentence") {
  const TemporaryDirectory directory;
  std::ofstream(directory.path() / "cluster.db") << "no database";
  UnwatchedPlane damaged(
      {.node = "a", .control = {"127.0.0.1", 0}, .data_dir = directory.path().string()});
  const auto started = damaged.plane.start();
  REQUIRE(!started.ok());
  CHECK(started.error().field == "--data-dir");
  CHECK(started.error().message.find("cluster.db") != std::string::npos);
}

TEST_CASE("two control planes cannot share a data directory") {
  const TemporaryDirectory directory;
  ControlFixture first({.data_dir = directory.path().string()});
  UnwatchedPlane second(
      {.node = "b", .control = {"127.0.0.1", 0}, .data_dir = directory.path().string()});
  const auto started = second.plane.start();
  REQUIRE(!started.ok());
  CHECK(started.error().code == ErrorCode::conflict);
}

TEST_CASE("a control address that is taken is one sentence with the address") {
  ControlFixture first;
  UnwatchedPlane second({.node = "b", .control = first.plane.address()});
  const auto started = second.plane.start();
  REQUIRE(!started.ok());
  CHECK(started.error().code == ErrorCode::io);
  CHECK(started.error().field == "--control");
  CHECK(started.error().message ==
        fmt::format("--control: cannot listen on {}: Address already in use",
                    first.plane.address().to_string()));
}

TEST_CASE("backends of one name, and options that are out of range, are errors of usage") {
  const auto error_of = [](ControlPlaneOptions options) {
    options.control = {"127.0.0.1", 0};
    UnwatchedPlane other(options);
    const auto started = other.plane.start();
    REQUIRE(!started.ok());
    CHECK(started.error().code == ErrorCode::invalid);
    return started.error().field;
  };
  const Endpoint address{"10.0.0.5", 80};
  CHECK(error_of({.node = "a", .backends = {backend_at("n", address), backend_at("n", address)}}) ==
        "--backend");
  CHECK(error_of({.node = "a", .backends = {backend_at("n", {"127.0.0.1", 0})}}) == "--backend");
  CHECK(error_of({.node = "a", .backends = {backend_at("n", {"0.0.0.0", 80})}}) == "--backend");
  CHECK(error_of({.node = "a", .backends = {backend_at("n/1", address)}}) == "--backend");
  CHECK(error_of({.node = "a b"}) == "--node");
  CHECK(error_of({.node = "a", .worker_heartbeat = 9ms}) == "--worker-heartbeat");
  CHECK(error_of({.node = "a", .worker_heartbeat = 61s}) == "--worker-heartbeat");
}

TEST_CASE("host names of the control address and of backends are resolved") {
  FixedBackend backend(good_answer);
  ControlFixture cluster({.worker_heartbeat = 50ms,
                          .backends = {backend_at("n1", {"localhost", backend.address().port})}});
  CHECK(eventually([&] { return cluster.traffic() == "n1"; }));
  UnwatchedPlane other({.node = "b", .control = {"localhost", 0}});
  CHECK(other.plane.start().ok());
}

TEST_CASE("a control plane stops with connections open and probes under way") {
  FixedBackend silent("");
  auto cluster = std::make_unique<ControlFixture>(ControlPlaneOptions{
      .worker_heartbeat = 1s, .backends = {backend_at("n1", silent.address())}});
  ControlClient client(cluster->plane.address());
  REQUIRE(client.get("/health").status == 200);
  REQUIRE(eventually([&] { return silent.requests() == 1; }));
  cluster->plane.stop();
  cluster->plane.stop();
  cluster.reset();
}

TEST_CASE("a primary answers a change, also one that changes nothing, only while its lease holds") {
  ControlPlaneOptions options;
  options.timing = {.heartbeat = 1s, .election_timeout = 5s, .clock_margin = 250ms};
  ControlFixture cluster(options);  // its only voter is itself: it renews its lease each second
  ControlClient client(cluster.plane.address());
  REQUIRE(client.post("/heartbeat", heartbeat_json("w1")).status == 200);
  const auto asked_without_lease = [&](const std::string& path) {
    cluster.gate.set_serve_until(Instant::never());
    const auto status = client.post(path).status;
    CHECK(cluster.gate.open_at(now()));
    return status;
  };
  CHECK(asked_without_lease("/v1/workers/w1/drain") == 200);
  CHECK(asked_without_lease("/v1/workers/w1/drain") == 200);
  CHECK(asked_without_lease("/v1/workers/w2/drain") == 404);
}

}  // namespace tandem::master::control_plane_test
