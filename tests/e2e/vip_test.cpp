// --vip with two masters: the address goes with the leadership, clients on the network follow, and
// no two hosts announce it.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/e2e/vip_hosts.hpp"

namespace tandem::e2e::vip_test {
namespace {

// GET /status says that the address is on that host.
bool holds(const VipHosts& hosts, const std::string& master) {
  const auto vip = fmt::format(R"({{"address":"{}/24","interface":"eth0","held":true)", vip4);
  return hosts.cluster->ask(master, "/status").body.find(vip) != std::string::npos;
}

}  // namespace

TEST_CASE("clients find the successor of a primary that is killed at the same address") {
  VipHosts hosts;
  if (!hosts) return;
  Client kept_alive(fmt::format("{}:{}", vip4, vip_port));
  {
    const auto there = hosts.network->enter("client");
    REQUIRE(kept_alive.get("/").status == 200);
  }
  hosts.claims();
  hosts.cluster->master(hosts.primary).kill9();
  // By what the successor says, for the client is silent meanwhile.
  CHECK(hosts.await_neighbour(hosts.standby));
  CHECK(hosts.ask(vip4) == 200);
  CHECK(hosts.ask(vip6) == 200);
  {
    // A connection that the dead master had is ended by the host that has the address now.
    const auto there = hosts.network->enter("client");
    CHECK(eventually([&] { return kept_alive.get("/").status == 200; }));
  }
  CHECK(hosts.claims() == std::vector{hosts.standby});
  CHECK(eventually([&] { return holds(hosts, hosts.standby); }));
}

TEST_CASE("an address that a killed master has left is removed when it starts again") {
  VipHosts hosts;
  if (!hosts) return;
  hosts.cluster->master(hosts.primary).kill9();
  CHECK(hosts.has(hosts.primary, vip4));
  hosts.cluster->start_master(hosts.primary);
  CHECK(hosts.cluster->master(hosts.primary).errors().find("left-over address") !=
        std::string::npos);
  CHECK(hosts.await_holder(hosts.standby));
  CHECK(hosts.cluster->await_whole() == "");
  CHECK(hosts.ask(vip4) == 200);
}

TEST_CASE("a master that froze announces nothing, loses its address, and gives it up as it thaws") {
  VipHosts hosts;
  if (!hosts) return;
  hosts.claims();
  hosts.cluster->freeze(hosts.primary);
  CHECK(hosts.await_neighbour(hosts.standby));
  CHECK(hosts.ask(vip4) == 200);
  CHECK(hosts.ask(vip6) == 200);
  SECTION("before the kernel has removed it") {}
  SECTION("after that") { REQUIRE(hosts.await_holder(hosts.standby)); }
  hosts.cluster->thaw(hosts.primary);
  CHECK(hosts.await_holder(hosts.standby));
  CHECK(hosts.cluster->await_whole() == "");
  CHECK(hosts.neighbour(vip4) == hosts.standby);
  CHECK(hosts.ask(vip4) == 200);
  CHECK(hosts.claims() == std::vector{hosts.standby});
}

TEST_CASE("a master that is cut off gives the address up before another takes it") {
  VipHosts hosts;
  if (!hosts) return;
  const AddressWatch watch4(*hosts.network, vip4, "a", "b");
  const AddressWatch watch6(*hosts.network, vip6, "a", "b");
  hosts.claims();
  hosts.network->cut_from_all(hosts.primary);
  CHECK(hosts.await_holder(hosts.standby));
  CHECK(hosts.await_neighbour(hosts.standby));
  CHECK(hosts.ask(vip4) == 200);
  hosts.network->heal();
  CHECK(hosts.cluster->await_whole() == "");
  CHECK(hosts.ask(vip6) == 200);
  CHECK(hosts.holder(vip4) == hosts.standby);
  CHECK(hosts.claims() == std::vector{hosts.standby});
  CHECK(!watch4.saw_both());
  CHECK(!watch6.saw_both());
}

TEST_CASE("the address moves with a switchover, to and fro, and is never on both hosts") {
  VipHosts hosts;
  if (!hosts) return;
  const AddressWatch watch4(*hosts.network, vip4, "a", "b");
  const AddressWatch watch6(*hosts.network, vip6, "a", "b");
  for (int round = 0; round < 4; ++round) {
    const auto from = hosts.cluster->await_primary();
    const auto to = hosts.other(from);
    hosts.claims();
    REQUIRE(hosts.cluster->tell(from, "/v1/switchover").status == 200);
    CHECK(hosts.await_neighbour(to));
    CHECK(hosts.await_holder(to));
    CHECK(hosts.ask(vip4) == 200);
    CHECK(hosts.ask(vip6) == 200);
    // While it let its clients go the former primary may have announced it still.
    const auto claims = hosts.claims();
    CHECK((claims == std::vector{to} || claims == std::vector{from, to}));
    REQUIRE(hosts.cluster->await_whole() == "");
  }
  CHECK(!watch4.saw_both());
  CHECK(!watch6.saw_both());
}

TEST_CASE("SIGTERM moves the address to the successor") {
  VipHosts hosts;
  if (!hosts) return;
  const AddressWatch watch(*hosts.network, vip4, "a", "b");
  hosts.cluster->master(hosts.primary).terminate();
  CHECK(hosts.await_holder(hosts.standby));
  CHECK(hosts.await_neighbour(hosts.standby));
  CHECK(hosts.ask(vip4) == 200);
  CHECK(hosts.cluster->master(hosts.primary).await_exit() == 0);
  CHECK(!watch.saw_both());
}

}  // namespace tandem::e2e::vip_test
