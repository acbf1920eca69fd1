#include "tests/e2e/vip_hosts.hpp"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <stdexcept>

#include "master/vip/rtnetlink.hpp"

namespace tandem::e2e {
namespace {

master::VipSpec spec_of(const std::string& address) {
  return *master::parse_vip(fmt::format("{}/{}@eth0", address, address == vip4 ? 24 : 64), "vip");
}

master::Rtnetlink kernel_of(const Network& network, const std::string& host) {
  const auto there = network.enter(host);
  return master::Rtnetlink::open().value();
}

bool has_address(master::Rtnetlink& kernel, const master::VipSpec& spec) {
  const auto found = kernel.find(spec);
  return found.ok() && !found->empty();
}

}  // namespace

AddressWatch::AddressWatch(const Network& network, const std::string& address,
                           const std::string& one, const std::string& other) {
  thread_ = std::thread([this, spec = spec_of(address),
                         first = std::make_shared<master::Rtnetlink>(kernel_of(network, one)),
                         second = std::make_shared<master::Rtnetlink>(kernel_of(network, other))] {
    while (!stop_) {
      // Two looks at the one around the look at the other: so both had it then.
      if (has_address(*first, spec) && has_address(*second, spec) && has_address(*first, spec)) {
        both_ = true;
      }
      std::this_thread::sleep_for(std::chrono::microseconds(500));  // leaves the processor to them
    }
  });
}

AddressWatch::~AddressWatch() {
  stop_ = true;
  thread_.join();
}

VipHosts::VipHosts(const Arguments& more) {
  if (const auto why = Network::why_not_permitted(); !why.empty()) {
    WARN("skipped: " << why);
    return;
  }
  network.emplace(std::vector<std::string>{"a", "b", "w1", "w2", "client"}, 1);
  {
    const auto there = network->enter("client");
    wire.emplace(master::PacketSocket::open({spec_of(vip4)}).value());
  }
  PairClusterOptions options;
  options.network = &*network;
  options.port = vip_port;
  options.arguments = {"--vip", fmt::format("{}/24@eth0", vip4), "--vip",
                       fmt::format("{}/64@eth0", vip6)};
  options.arguments.insert(options.arguments.end(), more.begin(), more.end());
  cluster.emplace(options);
  cluster->start_workers({"w1", "w2"});
  primary = cluster->await_primary();
  standby = cluster->standby_of(primary);
  REQUIRE(await_holder(primary));
  // The client knows both addresses from here on.
  REQUIRE(ask(vip4) == 200);
  REQUIRE(ask(vip6) == 200);
  REQUIRE(await_neighbour(primary));
}

bool VipHosts::has(const std::string& host, const std::string& address) const {
  auto kernel = kernel_of(*network, host);
  return has_address(kernel, spec_of(address));
}

std::string VipHosts::holder(const std::string& address) const {
  const bool a = has("a", address);
  const bool b = has("b", address);
  return a == b ? "" : a ? "a" : "b";
}

bool VipHosts::await_holder(const std::string& host) const {
  return eventually([&] { return holder(vip4) == host && holder(vip6) == host; });
}

int VipHosts::ask(const std::string& address) const {
  const auto there = network->enter("client");
  const bool v6 = address.find(':') != address.npos;
  return get(fmt::format("{}{}{}:{}", v6 ? "[" : "", address, v6 ? "]" : "", vip_port), "/").status;
}

// "10.77.0.100 dev eth0 lladdr 02:00:00:00:00:01 REACHABLE"
std::string VipHosts::neighbour(const std::string& address) const {
  const auto line = on_host(*network, "client", {*installed("ip"), "neigh", "show", address});
  for (const auto& host : {"a", "b"}) {
    if (line.find(network->mac(host)) != line.npos) return host;
  }
  return {};
}

bool VipHosts::await_neighbour(const std::string& host) const {
  return eventually([&] { return neighbour(vip4) == host && neighbour(vip6) == host; });
}

std::vector<std::string> VipHosts::claims() {
  std::vector<std::string> turns;
  for (const auto& claim : wire->take_claims()) {
    const std::string host = claim.by.back() == 1 ? "a" : "b";
    if (turns.empty() || turns.back() != host) turns.push_back(host);
  }
  return turns;
}

std::string on_host(const Network& network, const std::string& host,
                    const std::vector<std::string>& command) {
  const auto there = network.enter(host);
  const auto done = run(command);
  if (done.status != 0) throw std::runtime_error(command.front() + ": " + done.errors);
  return done.output;
}

}  // namespace tandem::e2e
