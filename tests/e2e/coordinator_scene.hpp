// coordinator_scene.hpp: one etcd, masters that it coordinates, and workers that both know.
//
// Owner: the test's thread.
#pragma once

#include <string>
#include <vector>

#include "tests/e2e/etcd_server.hpp"
#include "tests/e2e/harness/pair_cluster.hpp"

namespace tandem::e2e {

inline std::string coordinator_of(const EtcdServer& etcd) { return "etcd=" + etcd.address(); }

inline PairClusterOptions coordinated(std::string coordinator,
                                      std::vector<std::string> masters = {"a", "b"}) {
  PairClusterOptions options;
  options.masters = std::move(masters);
  options.coordinator = std::move(coordinator);
  return options;
}

// What GET /status says of the coordinator, according to that master; null: it does not answer.
inline nlohmann::json coordinator_at(const PairCluster& cluster, const std::string& master) {
  const auto answer = cluster.ask(master, "/status");
  if (answer.status != 200) return {};
  return nlohmann::json::parse(answer.body).value("coordinator", nlohmann::json());
}

inline bool await_reachable(const PairCluster& cluster, const std::string& master, bool reachable) {
  return eventually([&] {
    const auto known = coordinator_at(cluster, master);
    return !known.is_null() && known.at("reachable") == reachable;
  });
}

}  // namespace tandem::e2e
