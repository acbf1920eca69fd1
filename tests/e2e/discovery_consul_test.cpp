// Workers from a Consul agent: another Tandem cluster, which answers as one, and a server that
// answers as Consul's documentation says, or worse.
#include <atomic>
#include <memory>
#include <thread>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/e2e/discovery_scene.hpp"

namespace tandem::e2e::discovery_consul_test {
namespace {

bool serves(const Cluster& cluster, const std::string& who) {
  return eventually([&] { return get(cluster.listen(), "/").body == who; });
}

}  // namespace

TEST_CASE("what another Tandem cluster lists are workers here, and stay while that is away") {
  auto listing = std::make_unique<Cluster>();
  listing->start_workers({"w1", "w2"});
  Cluster reading(discovering("default=consul:" + listing->control()));
  const auto shown = [&] { return reading.workers(); };
  const auto are_up = [&](std::size_t count) {
    return eventually([&] {
      const auto all = shown();
      return all.size() == count && std::all_of(all.begin(), all.end(), [](const auto& each) {
               return each.second.state == "up";
             });
    });
  };
  REQUIRE(are_up(2));
  CHECK(get(reading.listen(), "/").status == 200);

  listing->worker("w1").terminate();
  REQUIRE(are_up(1));
  listing->start_worker("w3");
  REQUIRE(are_up(2));

  listing->master().kill9();
  REQUIRE(await_source(reading.control(), "lost"));
  CHECK(shown().size() == 2);
  CHECK(get(reading.listen(), "/").status == 200);
  CHECK(is_in("LOST", run({program("tandem"), "--control", reading.control(), "status"}).output));
  // It comes back with none of its workers, and they register again.
  listing->start_master_again();
  REQUIRE(await_source(reading.control(), "read"));
  REQUIRE(are_up(2));
  const auto events = get(reading.control(), "/events").body;
  CHECK(is_in("cannot be read", events));
  CHECK(is_in("can be read again", events));
  const auto metrics = get(reading.control(), "/metrics").body;
  CHECK(is_in("tandem_discovery_reachable{", metrics));
}

TEST_CASE("changes of a Consul agent are heard by queries that wait") {
  ConsulAgent agent;
  ListedServer one("one");
  ListedServer two("two");
  agent.list({one.port()}, 7);
  Cluster cluster(discovering("default=consul:" + agent.address() + "/shop,tag=blue"));
  REQUIRE(serves(cluster, "one"));
  agent.list({two.port()}, 8);
  REQUIRE(serves(cluster, "two"));
  CHECK(cluster.state_of(one.worker()) == "unknown");
  const auto queries = agent.queries();
  CHECK(is_in("GET /v1/health/service/shop?passing=1&tag=blue HTTP/1.1", queries.at(0)));
  CHECK(is_in("index=7&wait=15s", queries.at(1)));
  // One that goes back is forgotten.
  agent.list({one.port()}, 3);
  REQUIRE(serves(cluster, "one"));
  agent.list({two.port()}, 4);
  REQUIRE(serves(cluster, "two"));
}

TEST_CASE("a request that runs at a worker ends there, although that is listed no more") {
  ConsulAgent agent;
  std::atomic<bool> may_answer{false};
  std::atomic<bool> is_asked{false};
  test::Origin slow([&](test::Origin& origin, test::RawSocket& socket) {
    for (;;) {
      const auto asked = origin.receive(socket).start_line();
      if (is_in("/slow", asked)) {
        is_asked = true;
        eventually([&] { return may_answer.load(); });
      }
      socket.send(test::ok("slow"));
    }
  });
  ListedServer other("other");
  agent.list({slow.port()}, 5);
  Cluster cluster(discovering("default=consul:" + agent.address()));
  REQUIRE(serves(cluster, "slow"));
  Answer answer;
  std::thread client([&] { answer = get(cluster.listen(), "/slow"); });
  const bool was_asked = eventually([&] { return is_asked.load(); });
  agent.list({other.port()}, 6);
  const bool has_left = serves(cluster, "other");
  may_answer = true;
  client.join();
  CHECK(was_asked);
  CHECK(has_left);
  CHECK(answer.body == "slow");
  CHECK(get(cluster.listen(), "/slow").body == "other");
}

TEST_CASE("hundreds of changes of a Consul agent are a few queries") {
  ConsulAgent agent;
  ListedServer one("one");
  ListedServer two("two");
  Cluster cluster(discovering("default=consul:" + agent.address()));
  constexpr std::size_t changes = 1'000;
  for (std::size_t i = 0; i < changes; ++i) {
    agent.list({i % 2 == 0 ? one.port() : two.port()}, 10 + i);
    std::this_thread::sleep_for(1ms);  // the pace of the changes
  }
  REQUIRE(serves(cluster, "two"));
  CHECK(agent.asked() < changes / 4);
}

TEST_CASE("a Consul agent that talks nonsense takes no worker away") {
  ConsulAgent agent;
  ListedServer server("one");
  agent.list({server.port()}, 5);
  Cluster cluster(discovering("default=consul:" + agent.address()));
  REQUIRE(serves(cluster, "one"));
  std::uint64_t index = 6;
  const std::string nonsense[] = {"", "{}", "null", "[[[[", "<html>", std::string(17'000'000, ' ')};
  for (const auto& body : nonsense) {
    agent.say(body, ++index);
    REQUIRE(await_source(cluster.control(), "lost"));
    CHECK(get(cluster.listen(), "/").body == "one");
    agent.list({server.port()}, ++index);
    REQUIRE(await_source(cluster.control(), "read"));
  }
  agent.say("[]", ++index, "500 Internal Server Error");
  REQUIRE(await_source(cluster.control(), "lost"));
  CHECK(is_in("500", source_of(cluster.control()).at("problem").get<std::string>()));
  CHECK(get(cluster.listen(), "/").body == "one");
}

TEST_CASE("an empty answer is read once more before workers are taken away") {
  ConsulAgent agent;
  ListedServer server("one");
  agent.list({server.port()}, 5);
  Cluster cluster(discovering("default=consul:" + agent.address()));
  REQUIRE(serves(cluster, "one"));
  const auto asked = agent.asked();
  agent.list({}, 6);
  REQUIRE(await_source(cluster.control(), "doubted"));
  CHECK(cluster.state_of(server.worker()) == "up");
  agent.list({server.port()}, 7);
  REQUIRE(await_source(cluster.control(), "read"));
  CHECK(cluster.state_of(server.worker()) == "up");
  agent.list({}, 8);
  REQUIRE(eventually([&] { return cluster.state_of(server.worker()) == "unknown"; }));
  CHECK(agent.asked() >= asked + 4);
}

TEST_CASE("instances that may be no workers are left out, and said so") {
  ConsulAgent agent;
  ListedServer server("one");
  const auto at = [](const std::string& host, unsigned port) {
    return fmt::format(R"({{"Service":{{"ID":"x","Address":"{}","Port":{}}}}})", host, port);
  };
  Cluster cluster(discovering("default=consul:" + agent.address()));
  const auto control = std::stoul(cluster.control().substr(cluster.control().rfind(':') + 1));
  const auto clients = std::stoul(cluster.listen().substr(cluster.listen().rfind(':') + 1));
  agent.say(fmt::format("[{},{},{},{},{}]", at("127.0.0.1", static_cast<unsigned>(control)),
                        at("127.0.0.1", static_cast<unsigned>(clients)), at("169.254.169.254", 80),
                        at("web.example", 80), at("127.0.0.1", server.port())),
            9);
  REQUIRE(serves(cluster, "one"));
  const auto source = source_of(cluster.control());
  CHECK(source.at("instances") == 4);
  CHECK(source.at("left_out") == 3);
  CHECK(source.at("skipped") == 1);
  CHECK(cluster.workers().size() == 1);
  const auto told = run({program("tandem"), "--control", cluster.control(), "status"}).output;
  CHECK(is_in("3 of them left out", told));
}

TEST_CASE("a worker that heartbeats is one worker, although a registry lists it too") {
  ConsulAgent agent;
  Cluster cluster(discovering("default=consul:" + agent.address()));
  cluster.start_workers({"w1"});
  const auto address = cluster.workers().at("w1").address;
  agent.list({static_cast<std::uint16_t>(std::stoul(address.substr(address.rfind(':') + 1)))}, 4);
  REQUIRE(eventually([&] { return source_of(cluster.control()).value("left_out", 0) == 1; }));
  CHECK(cluster.workers().size() == 1);
  CHECK(cluster.state_of("w1") == "up");
}

TEST_CASE("the token of a Consul agent is in its file, which may be replaced") {
  ConsulAgent agent;
  ListedServer server("one");
  agent.list({server.port()}, 5);
  TempDir dir;
  const auto file = dir.write("token", "first-secret\n");
  run({"chmod", "600", file});
  Cluster cluster(discovering("default=consul:" + agent.address() + ",token=" + file));
  REQUIRE(serves(cluster, "one"));
  CHECK(is_in("X-Consul-Token: first-secret\r\n", agent.queries().at(0)));
  dir.write("token", "second-secret\n");
  agent.list({server.port()}, 6);
  REQUIRE(eventually(
      [&] { return is_in("X-Consul-Token: second-secret\r\n", agent.queries().back()); }));
  CHECK_FALSE(is_in("secret", get(cluster.control(), "/status").body));
  CHECK_FALSE(is_in("secret", cluster.master().errors()));
  run({"chmod", "644", file});
  agent.list({server.port()}, 7);
  REQUIRE(await_source(cluster.control(), "lost"));
  CHECK(cluster.state_of(server.worker()) == "up");
}

TEST_CASE("a master that waits for a registry ends at once, whatever that does") {
  ConsulAgent agent;  // holds the query that waits for 15 s
  Cluster cluster(discovering("default=consul:" + agent.address()));
  REQUIRE(eventually([&] { return agent.asked() >= 2; }));
  cluster.master().terminate();
  // Well before the query is over.
  CHECK(cluster.master().await_exit(Milliseconds(10'000)) == 0);
}

}  // namespace tandem::e2e::discovery_consul_test
