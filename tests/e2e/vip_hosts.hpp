// vip_hosts.hpp: two masters with addresses of --vip, and a client on a host of its own, whose
// neighbour cache and whose wire are watched.
//
// Owner: the test's thread.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "master/vip/packet_socket.hpp"
#include "tests/e2e/harness/pair_cluster.hpp"

namespace tandem::e2e {

inline constexpr auto vip4 = "10.77.0.100";
inline constexpr auto vip6 = "1077::100";
inline constexpr int vip_port = 8080;

// Continually checks whether two hosts have the address at once.
class AddressWatch {
 public:
  AddressWatch(const Network& network, const std::string& address, const std::string& one,
               const std::string& other);
  ~AddressWatch();
  bool saw_both() const { return both_; }

 private:
  std::atomic<bool> both_{false};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

struct VipHosts {
  // Skipped, with a warning, where namespaces are not permitted.
  explicit VipHosts(const Arguments& more = {});
  explicit operator bool() const { return cluster.has_value(); }

  // Whether a host's kernel has the address now.
  bool has(const std::string& host, const std::string& address) const;
  // The host that has it; empty when none or both do.
  std::string holder(const std::string& address) const;
  bool await_holder(const std::string& host) const;  // of both addresses
  // What the client gets from GET / at the address; 0: no answer.
  int ask(const std::string& address) const;
  // Whether the client's neighbour cache has that host for both addresses although the client sends
  // nothing meanwhile.
  bool await_neighbour(const std::string& host) const;
  std::string neighbour(const std::string& address) const;
  // The hosts that have claimed vip4 by ARP since the last call, in order, without repetitions in a
  // row: "a", "b".
  std::vector<std::string> claims();
  std::string other(const std::string& master) const { return cluster->standby_of(master); }

  std::optional<Network> network;
  std::optional<PairCluster> cluster;
  std::optional<master::PacketSocket> wire;  // of the client's host
  std::string primary;
  std::string standby;
};

// `command` on that host: its standard output. Throws when it fails.
std::string on_host(const Network& network, const std::string& host,
                    const std::vector<std::string>& command);

}  // namespace tandem::e2e
