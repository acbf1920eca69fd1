// Masters, a witness, workers and people, each with a token of its own: rotation, failover, and
// what a worker that was taken over can do with its token.
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <mutex>
#include <set>
#include <thread>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "common/access/credential.hpp"
#include "tests/e2e/harness/load.hpp"
#include "tests/e2e/harness/pair_cluster.hpp"
#include "tests/e2e/masters.hpp"

namespace tandem::e2e::roles_test {
namespace {

PairClusterOptions with_tokens() {
  PairClusterOptions options;
  options.tokens = true;
  return options;
}

int asked_with(const PairCluster& cluster, const std::string& master, const Headers& token) {
  return Client(cluster.control(master)).get("/status", token).status;
}

// What all processes have printed and logged.
std::string said_by_all(const TempDir& dir) {
  std::string text;
  for (const auto& file : std::filesystem::directory_iterator(dir.path(""))) {
    const auto ending = file.path().extension();
    if (ending == ".out" || ending == ".err") text += read_file(file.path());
  }
  return text;
}

// A port that takes requests, whoever sends them, answers 204, and remembers what was presented.
class Listener {
 public:
  Listener() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(socket_, 16) == 0);
    REQUIRE(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this] { serve(); });
  }
  ~Listener() {
    stopping_ = true;
    thread_.join();
    ::close(socket_);
  }
  const std::string& address() const { return address_; }
  std::set<std::string> presented() const {
    const std::lock_guard lock(mutex_);
    return presented_;
  }

 private:
  void serve() {
    while (!stopping_) {
      pollfd wait{socket_, POLLIN, 0};
      if (::poll(&wait, 1, 20) <= 0) continue;
      const int connection = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
      std::string head;
      char part[4096];
      while (!is_in("\r\n\r\n", head)) {
        const auto size = ::recv(connection, part, sizeof part, 0);
        if (size <= 0) break;
        head.append(part, static_cast<std::size_t>(size));
      }
      const auto field = head.find("Authorization: ");
      {
        const std::lock_guard lock(mutex_);
        presented_.insert(field == head.npos
                              ? "nothing"
                              : head.substr(field + 15, head.find('\r', field) - field - 15));
      }
      constexpr std::string_view taken = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
      ::send(connection, taken.data(), taken.size(), MSG_NOSIGNAL);
      ::close(connection);
    }
  }

  const int socket_;
  std::string address_;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::set<std::string> presented_;
  std::thread thread_;
};

std::string heartbeat(const std::string& name, const std::string& address,
                      const std::string& more = {}) {
  return fmt::format(R"({{"name":"{}","incarnation":"one","service":"default","address":"{}",)"
                     R"("weight":100,"connections":64,"in_flight":0,"state":"up"{}}})",
                     name, address, more);
}

}  // namespace

TEST_CASE("all tokens are replaced and the primary is killed without a failed request") {
  PairCluster cluster(with_tokens());
  cluster.start_workers({"w1", "w2"});
  const auto primary = cluster.await_primary();
  const auto standby = cluster.standby_of(primary);
  Load load(cluster.listen(standby), 2);
  REQUIRE(load.await_more(20));

  auto& tokens = cluster.tokens();
  for (const std::string worker : {"w1", "w2"}) {
    tokens.add(worker + "-new", {"--name", worker, "--role", "worker", "--witness"});
  }
  for (const auto& master : cluster.names()) {
    tokens.add(master + "-new", {"--name", master, "--role", "master"});
  }
  cluster.reload_tokens();
  for (const auto& master : cluster.names()) {
    REQUIRE(
        eventually([&] { return asked_with(cluster, master, tokens.headers("a-new")) == 200; }));
  }
  for (const std::string worker : {"w1", "w2"}) {
    tokens.give(worker, worker + "-new");
    cluster.worker(worker).terminate();
    REQUIRE(cluster.worker(worker).await_exit() == 0);
    cluster.start_worker(worker);
    // The next one must not go before it is back.
    for (const auto& master : cluster.names()) {
      // It is unknown from its bye until its first heartbeat.
      REQUIRE(eventually([&] {
        const auto workers = cluster.status(master).workers;
        return workers.contains(worker) && workers.at(worker).state == "up";
      }));
    }
    REQUIRE(cluster.await_whole() == "");
  }
  for (const auto& master : cluster.names()) tokens.give(master, master + "-new");
  for (const std::string old : {"w1", "w2", "a", "b"}) tokens.remove(old);
  cluster.reload_tokens();
  for (const auto& master : cluster.names()) {
    REQUIRE(eventually([&] { return asked_with(cluster, master, tokens.headers("a")) == 401; }));
  }
  REQUIRE(load.await_more(20));
  REQUIRE(cluster.await_whole() == "");

  cluster.master(primary).kill9();
  REQUIRE(eventually([&] { return cluster.primaries() == std::vector{standby}; }));
  CHECK(load.await_more(50));
  load.stop();
  CHECK(load.first_failure() == "");

  // One that has just started knows what to present to the witness, and leads by its vote.
  cluster.start_master(primary);
  REQUIRE(cluster.await_whole() == "");
  cluster.master(standby).kill9();
  CHECK(eventually([&] { return cluster.primaries() == std::vector{primary}; }));
  CHECK(!is_in("tdm_", said_by_all(cluster.dir())));
}

TEST_CASE("a worker that was taken over is its own worker with its token, and nothing else") {
  PairCluster cluster(with_tokens());
  cluster.start_workers({"w1", "w2"});
  const auto primary = cluster.await_primary();
  const auto before = cluster.status(primary);
  const auto w2 = before.workers.at("w2").address;
  const auto token = cluster.tokens().headers("w1");
  const auto envelope = [&](const std::string& node, const std::string& message) {
    return fmt::format(
        R"({{"format":1,"node":"{0}","control":"127.0.0.1:9","listen":"","pass":"",)"
        R"("election_timeout_ms":500,"messages":[{{"cluster":{1},"from":{{"node":"{0}",)"
        R"("incarnation":1}},"to":{{"node":"{2}","incarnation":1}},"term":99,{3}}}]}})",
        node, before.cluster, primary, message);
  };
  const std::string append =
      R"("append":{"previous_index":0,"previous_term":0,"entries":[],"commit":0,"sent":1,)"
      R"("in_sync":0})";
  for (const auto& master : cluster.names()) {
    Client client(cluster.control(master));
    const auto post = [&](const std::string& path, const std::string& body) {
      const auto answer = client.post(path, body, token);
      INFO(path << " " << body << ": " << answer.body);
      CHECK(answer.status == 403);
    };
    post("/v1/workers/w2/drain", "");
    post("/v1/workers", R"({"name":"x","address":"127.0.0.1:9"})");
    post("/v1/switchover", "");
    post("/v1/routes", R"({"prefix":"/","service":"x"})");
    post("/heartbeat", heartbeat("w2", w2));
    post("/heartbeat", heartbeat("w1", "198.51.100.1:80"));
    post("/cluster/messages", envelope("a", append));
    post("/cluster/messages", envelope("b", append));
    post("/cluster/messages", envelope("w2", R"("released":{})"));
    post("/cluster/messages", envelope("w1", append));
    for (const auto* path : {"/status", "/v1/workers", "/v1/snapshot", "/cluster/state"}) {
      CHECK(client.get(path, token).status == 403);
    }
    CHECK(client.send("DELETE", "/v1/workers/w2", "", token).status == 403);
    CHECK(client.send("PUT", "/v1/services/default/settings", "{}", token).status == 403);
  }
  CHECK(cluster.await_whole() == "");
  const auto after = cluster.status(primary);
  CHECK(after.term == before.term);
  CHECK(after.primary == before.primary);
  CHECK(after.workers.at("w2").state == "up");
}

TEST_CASE("a master shows an address that a worker named only what that worker knows") {
  PairCluster cluster(with_tokens());
  cluster.await_primary();
  auto& tokens = cluster.tokens();
  tokens.add("evil", {"--name", "evil", "--role", "worker", "--witness"});
  cluster.reload_tokens();
  const Listener listener;
  const auto offer =
      heartbeat("evil", "127.0.0.1:9",
                R"(,"witness_incarnation":7,"witness_control":")" + listener.address() + "\"");
  // As often as it may take until the masters want its vote.
  CHECK(eventually([&] {
    for (const auto& master : cluster.names()) {
      Client(cluster.control(master)).post("/heartbeat", offer, tokens.headers("evil"));
    }
    return !listener.presented().empty();
  }));
  const auto secret = tandem::access::witness_secret(tandem::access::hash_of(tokens.text("evil")));
  CHECK(listener.presented() == std::set<std::string>{"Bearer " + secret});
}

TEST_CASE("a standby says on whose behalf it passes a change on, and the primary tells its log") {
  PairCluster cluster(with_tokens());
  cluster.start_workers({"w1", "w2"});
  const auto primary = cluster.await_primary();
  const auto standby = cluster.standby_of(primary);
  auto& tokens = cluster.tokens();
  auto forged = tokens.headers("ops");
  forged.emplace("Tandem-On-Behalf-Of", "somebody master 198.51.100.1");
  forged.emplace("Tandem-Passed-On", "1");
  Client client(cluster.control(standby));
  CHECK(client.post("/v1/workers/w1/drain", "", tokens.headers("ops")).status == 200);
  const auto line = fmt::format(
      "change name=ops role=operator from=127.0.0.1 via={} via_address=127.0.0.1 at=primary "
      "what=\"POST /v1/workers/w1/drain\" outcome=200",
      standby);
  CHECK(eventually([&] { return is_in(line, cluster.master(primary).errors()); }));
  Client(cluster.control(primary)).post("/v1/workers/w1/undrain", "", forged);
  CHECK(eventually([&] {
    return is_in("from=127.0.0.1 at=primary what=\"POST /v1/workers/w1/undrain\" outcome=200",
                 cluster.master(primary).errors());
  }));
  CHECK(!is_in("somebody", cluster.master(primary).errors()));
}

TEST_CASE("a master joins with a token of its own, and is not heard any more without its entry") {
  Masters masters;
  Tokens tokens(masters.dir());
  tokens.add("ops", {"--name", "ops", "--role", "operator"});
  tokens.give("ops", "ops");
  for (const std::string name : {"a", "b"}) {
    tokens.add(name, {"--name", name, "--role", "master"});
    tokens.give(name, name);
  }
  tokens.write();
  const auto flags = [&](const std::string& name) {
    return Arguments{"--tokens-file", tokens.file(), "--token-file", tokens.file_of(name)};
  };
  const auto ask = [&](const std::string& master, Arguments words) {
    words.insert(words.end(), {"--token-file", tokens.file_of("ops")});
    return masters.tandem(master, words);
  };
  masters.start("a", flags("a"));
  auto joining = flags("b");
  joining.insert(joining.end(), {"--join", masters.control("a")});
  masters.start("b", joining);
  REQUIRE(eventually([&] {
    return ask("a", {"master", "add", "b", masters.control("b")}).status == 0;
  }));
  REQUIRE(eventually([&] { return is_in("in sync    yes", ask("b", {"status"}).output); }));
  tokens.remove("b");
  tokens.write();
  masters.process("a").signal(SIGHUP);
  CHECK(eventually([&] {
    return is_in("reason=\"unknown token for POST /cluster/messages\"",
                 masters.process("a").errors());
  }));
  CHECK(!is_in("tdm_", said_by_all(masters.dir())));
}

}  // namespace tandem::e2e::roles_test
