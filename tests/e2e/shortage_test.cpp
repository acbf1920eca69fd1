// Masters that are short of descriptors and memory: real processes, and strangers who take all that
// they can get.
#include <sys/resource.h>

#include <catch2/catch.hpp>

#include "tests/e2e/harness/cluster.hpp"

namespace tandem::e2e::shortage_test {
namespace {

const std::string request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

// A master, by a shell that limits it first, as ulimit understands it.
Arguments master_with(const std::string& limit, const Arguments& arguments = {}) {
  Arguments words{"sh",
                  "-c",
                  "ulimit " + limit + "; exec \"$@\"",
                  "sh",
                  program("tandem-master"),
                  "--listen",
                  "127.0.0.1:0",
                  "--control",
                  "127.0.0.1:0",
                  "--worker-heartbeat",
                  "200ms"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
}

// One master that is short of something, and two workers.
struct Scarce {
  explicit Scarce(const std::string& limit)
      : master(dir, "master", master_with(limit, {"--threads", "2"})),
        ready(master.await_line("tandem-master ready")),
        listen(field_of(ready, "listen")),
        control(field_of(ready, "control")) {
    for (auto* worker : {&w1, &w2}) {
      const std::string name = worker == &w1 ? "w1" : "w2";
      worker->emplace(dir, name,
                      Arguments{program("tandem-worker"), "--name", name, "--master", control,
                                "--listen", "127.0.0.1:0"});
    }
    REQUIRE(eventually([this] { return up() == 2; }));
  }

  // Workers that are up, as a new connection to the control address has it.
  int up() const {
    const auto answer = get(control, "/v1/workers");
    int count = 0;
    for (auto at = answer.body.find("\"up\""); at != std::string::npos;
         at = answer.body.find("\"up\"", at + 1)) {
      ++count;
    }
    return count;
  }

  TempDir dir;
  Process master;
  std::string ready, listen, control;
  std::optional<Process> w1, w2;
};

// The status of the answer that has come or comes; 0: none.
int status(Socket& client) {
  const auto answer = client.receive_until("\r\n\r\n");
  return answer.starts_with("HTTP/1.1 ") ? std::stoi(answer.substr(9, 3)) : 0;
}

std::vector<Socket> senders(const std::string& address, int count, const std::string& sent) {
  std::vector<Socket> clients;
  for (int i = 0; i < count; ++i) {
    clients.emplace_back(address);
    clients.back().send(sent);
  }
  return clients;
}

}  // namespace

TEST_CASE("a master with few descriptors serves whom it accepted, and its workers stay up") {
  Scarce cluster("-n 100");
  // As many as find a place, and are busy.
  auto accepted =
      senders(cluster.listen, 30, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel");
  auto others = senders(cluster.listen, 270, request);
  CHECK(cluster.up() == 2);
  for (auto& each : accepted) each.send("lo");
  for (auto& each : accepted) CHECK(status(each) == 200);
  accepted.clear();
  // Those that wait get the places of those that leave.
  int served = 0;
  for (auto& each : others) {
    Socket next(std::move(each));
    served += status(next) == 200 ? 1 : 0;
  }
  CHECK(served == 270);
  CHECK(cluster.up() == 2);
  CHECK(get(cluster.control, "/ready").status == 200);
}

TEST_CASE("a master whose descriptors run out all the same blames nobody, and gets over it") {
  Cluster cluster;
  cluster.start_workers({"w1", "w2"});
  CHECK(get(cluster.listen(), "/").status == 200);
  // It learned at its start that it may have many.
  const rlimit few{60, 60};
  REQUIRE(::prlimit(cluster.master().pid(), RLIMIT_NOFILE, &few, nullptr) == 0);
  {
    auto others = senders(cluster.listen(), 200, request);
    int answered = 0;
    for (auto& each : others) {
      Socket next(std::move(each));
      const auto got = status(next);
      answered += got == 200 || got == 503 ? 1 : 0;
    }
    CHECK(answered == 200);
  }
  CHECK(cluster.state_of("w1") == "up");
  CHECK(cluster.state_of("w2") == "up");
  CHECK(eventually([&] { return get(cluster.listen(), "/").status == 200; }));
}

TEST_CASE("a master without memory for more says so, and is there when it has some again") {
  Cluster cluster({"--memory", "1m", "--threads", "1"});
  cluster.start_workers({"w1"});
  {
    const auto greedy = senders(
        cluster.listen(), 100,
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n" + std::string(10'000, 'x'));
    CHECK(eventually([&] { return get(cluster.listen(), "/").status == 503; }));
    CHECK(cluster.state_of("w1") == "up");
  }
  CHECK(eventually([&] { return get(cluster.listen(), "/").status == 200; }));
}

TEST_CASE("a master is given more memory by a reload, and less, while clients want too much") {
  const TempDir dir;
  const auto with_memory = [&dir](const std::string& memory) {
    return dir.write("m.toml", "memory = \"" + memory + "\"\nthreads = 1\n");
  };
  Cluster cluster({"--config", with_memory("1m")});
  cluster.start_workers({"w1"});
  const auto answer = [&cluster] { return get(cluster.listen(), "/").status; };
  const auto greedy = senders(
      cluster.listen(), 100,
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n" + std::string(10'000, 'x'));
  CHECK(eventually([&] { return answer() == 503; }));
  with_memory("64m");
  CHECK(post(cluster.control(), "/v1/reload").status == 200);
  CHECK(answer() == 200);
  const auto others = senders(
      cluster.listen(), 100,
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n" + std::string(10'000, 'x'));
  with_memory("1m");
  CHECK(post(cluster.control(), "/v1/reload").status == 200);
  CHECK(eventually([&] { return answer() == 503; }));
}

TEST_CASE("a master whose address space is limited takes no more than it can hold, unasked") {
  Scarce cluster("-v 300000");  // KiB
  {
    const auto greedy = senders(
        cluster.listen, 4'000,
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 65000\r\n\r\n" + std::string(60'000, 'x'));
    CHECK(eventually([&] { return get(cluster.listen, "/").status == 503; }));
    CHECK(cluster.up() == 2);
  }
  CHECK(eventually([&] { return get(cluster.listen, "/").status == 200; }));
  CHECK(cluster.up() == 2);
}

}  // namespace tandem::e2e::shortage_test
