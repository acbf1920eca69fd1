// --vip at one master: when it has the address, what becomes of it when others touch it, and what
// is refused.
#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <signal.h>

#include "tests/e2e/vip_hosts.hpp"

namespace tandem::e2e::vip_alone_test {
namespace {

// A master on a host of its own.
struct Alone {
  explicit Alone(const Arguments& more = {"--vip", "10.77.0.100/24@eth0"}) {
    if (const auto why = Network::why_not_permitted(); !why.empty()) {
      WARN("skipped: " << why);
      return;
    }
    network.emplace(std::vector<std::string>{"a", "client"}, 1);
    arguments = more;
  }
  explicit operator bool() const { return network.has_value(); }

  void start(const Arguments& before = {}) {
    Arguments command = before;
    for (const auto& word : {program("tandem-master"), std::string("--listen"), listen,
                             std::string("--control"), std::string("127.0.0.1:7070")}) {
      command.push_back(word);
    }
    command.insert(command.end(), arguments.begin(), arguments.end());
    const auto there = network->enter("a");
    process = std::make_unique<Process>(dir, fmt::format("a-{}", ++starts), command);
  }
  void await_ready() { process->await_line("tandem-master ready"); }
  std::string ip(const std::vector<std::string>& words) const {
    std::vector<std::string> command{*installed("ip")};
    command.insert(command.end(), words.begin(), words.end());
    return on_host(*network, "a", command);
  }
  bool has(const std::string& address, const std::string& interface = "eth0") const {
    return ip({"-o", "address", "show", "dev", interface}).find(" " + address + "/") !=
           std::string::npos;
  }
  bool await(const std::string& address, const std::string& interface = "eth0") const {
    return eventually([&] { return has(address, interface); });
  }
  bool said(const std::string& text) const {
    return eventually([&] { return process->errors().find(text) != std::string::npos; });
  }
  // How a start ends that must not go on, and what it says.
  std::string refusal(const Arguments& before = {}) {
    start(before);
    const auto status = process->await_exit();
    return fmt::format("{}: {}", status.value_or(-1), process->errors());
  }

  TempDir dir;
  std::optional<Network> network;
  // The hooks append each role to a file, whose path is returned.
  std::string record_roles() {
    const auto roles = dir.path("roles");
    const auto hook = "sh " + dir.write("hook.sh", "echo $TANDEM_ROLE >> " + roles + "\n");
    arguments.insert(arguments.end(), {"--on-promote", hook, "--on-demote", hook});
    return roles;
  }

  std::string listen = "0.0.0.0:8080";
  Arguments arguments;
  std::unique_ptr<Process> process;
  int starts = 0;
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a lone master has the address until SIGTERM, and says so when it is a primary no more") {
  Alone alone;
  if (!alone) return;
  const auto roles = alone.record_roles();
  alone.start();
  alone.await_ready();
  CHECK(alone.await("10.77.0.100"));
  REQUIRE(eventually([&] { return read_file(roles) == "primary\n"; }));
  alone.process->terminate();
  CHECK(alone.process->await_exit() == 0);
  CHECK(!alone.has("10.77.0.100"));
  CHECK(read_file(roles) == "primary\nstandby\n");
}

TEST_CASE("a second SIGTERM leaves neither the address nor the loss of the leadership untold") {
  Alone alone;
  if (!alone) return;
  const auto roles = alone.record_roles();
  alone.start();
  alone.await_ready();
  REQUIRE(alone.await("10.77.0.100"));
  REQUIRE(eventually([&] { return read_file(roles) == "primary\n"; }));
  // A request without an end keeps it draining.
  std::optional<Socket> client;
  {
    const auto there = alone.network->enter("client");
    client.emplace("10.77.0.100:8080");
    client->send("GET / HTTP/1.1\r\nHost: a\r\n");
  }
  alone.process->terminate();
  REQUIRE(alone.said("draining"));
  alone.process->terminate();
  CHECK(alone.process->await_exit() == -SIGTERM);
  CHECK(!alone.has("10.77.0.100"));
  CHECK(eventually([&] { return read_file(roles) == "primary\nstandby\n"; }));
}

TEST_CASE("an address that somebody removes is put back, and announced again") {
  Alone alone;
  if (!alone) return;
  alone.start();
  alone.await_ready();
  REQUIRE(alone.await("10.77.0.100"));
  alone.ip({"address", "del", "10.77.0.100/24", "dev", "eth0"});
  CHECK(alone.said("removed by somebody else"));
  CHECK(alone.await("10.77.0.100"));
}

TEST_CASE("an address is back when its interface is") {
  Alone alone({"--vip", "10.88.0.100/24@cable0", "--vip", "1088::100/64@cable0"});
  if (!alone) return;
  alone.listen = "[::]:8080";
  const auto make = [&] {
    alone.ip({"link", "add", "cable0", "type", "veth", "peer", "name", "cable1"});
    alone.ip({"link", "set", "cable0", "up"});
    alone.ip({"link", "set", "cable1", "up"});
  };
  make();
  alone.start();
  alone.await_ready();
  REQUIRE(alone.await("1088::100", "cable0"));
  SECTION("after it was down, when IPv6 addresses are lost") {
    alone.ip({"link", "set", "cable0", "down"});
    alone.ip({"link", "set", "cable0", "up"});
  }
  SECTION("after it was gone") {
    alone.ip({"link", "del", "cable0"});
    CHECK(alone.said("there is no interface cable0"));
    make();
  }
  CHECK(alone.await("10.88.0.100", "cable0"));
  CHECK(alone.await("1088::100", "cable0"));
  alone.process->terminate();
  CHECK(alone.process->await_exit() == 0);
  CHECK(!alone.has("10.88.0.100", "cable0"));
  CHECK(!alone.has("1088::100", "cable0"));
}

TEST_CASE("another host that has the address, too, is noticed and told") {
  Alone alone;
  if (!alone) return;
  on_host(*alone.network, "client",
          {*installed("ip"), "address", "add", "10.77.0.100/24", "dev", "eth0"});
  alone.start();
  alone.await_ready();
  CHECK(alone.said("another host has it too, " + alone.network->mac("client")));
  CHECK(alone.has("10.77.0.100"));
}

TEST_CASE("the network of an address keeps its route when an IPv6 address comes and goes") {
  Alone alone({"--vip", "1077::100/64@eth0"});
  if (!alone) return;
  alone.listen = "[::]:8080";
  const auto routes = [&] { return alone.ip({"-6", "route", "show", "1077::/64"}); };
  const auto before = routes();
  alone.start();
  alone.await_ready();
  REQUIRE(alone.await("1077::100"));
  CHECK(routes() == before);
  alone.process->terminate();
  CHECK(alone.process->await_exit() == 0);
  CHECK(routes() == before);
}

TEST_CASE("a master listens at an address that it does not have yet") {
  Alone alone;
  if (!alone) return;
  alone.listen = "10.77.0.100:8080";
  SECTION("IPv4") {}
  SECTION("IPv6") {
    alone.listen = "[1077::100]:8080";
    alone.arguments = {"--vip", "1077::100/64@eth0"};
  }
  alone.start();
  alone.await_ready();
  const auto there = alone.network->enter("client");
  CHECK(eventually([&] { return get(alone.listen, "/").status == 503; }));  // it has no workers
}

TEST_CASE("without the capabilities that an address needs a master says so and does not start") {
  if (!installed("setpriv")) {
    WARN("skipped: setpriv (util-linux) is not installed");
    return;
  }
  Alone alone;
  if (!alone) return;
  for (const auto* missing : {"-net_admin", "-net_raw"}) {
    const auto refused = alone.refusal({*installed("setpriv"), "--bounding-set", missing});
    INFO(refused);
    CHECK(refused.find("2: ") == 0);
    CHECK(contains(refused, "--vip needs CAP_NET_ADMIN"));
  }
  const auto just_enough =
      Arguments{*installed("setpriv"), "--bounding-set", "-all,+net_admin,+net_raw"};
  alone.start(just_enough);
  alone.await_ready();
  CHECK(alone.await("10.77.0.100"));
}

TEST_CASE("a mistake in an address is told at the start, by a sentence") {
  Alone alone;
  if (!alone) return;
  SECTION("there is no such interface") {
    alone.arguments = {"--vip", "10.77.0.100/24@eth7"};
    const auto refused = alone.refusal();
    INFO(refused);
    CHECK(refused.find("2: ") == 0);
    CHECK(contains(refused, "there is no interface eth7, but lo, eth0"));
  }
  SECTION("somebody else has put the address here, which stays") {
    alone.ip({"address", "add", "10.77.0.100/32", "dev", "lo"});
    const auto refused = alone.refusal();
    INFO(refused);
    CHECK(refused.find("2: ") == 0);
    CHECK(contains(refused, "lo has that address already"));
    CHECK(alone.has("10.77.0.100", "lo"));
  }
  SECTION("clients would not be served there") {
    alone.listen = "127.0.0.1:8080";
    const auto refused = alone.refusal();
    INFO(refused);
    CHECK(refused.find("2: ") == 0);
    CHECK(contains(refused, "--listen 127.0.0.1:8080 does not serve it"));
  }
}

}  // namespace tandem::e2e::vip_alone_test
