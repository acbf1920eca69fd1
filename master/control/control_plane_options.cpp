#include "master/control/control_plane_options.hpp"

#include "common/base/duration.hpp"
#include "common/base/name.hpp"
#include "master/control/limits.hpp"

namespace tandem::master {

cluster::ClusterOptions cluster_options(const ControlPlaneOptions& options) {
  cluster::ClusterOptions cluster;
  cluster.node = core::NodeId(options.node);
  cluster.peers = options.peers;
  cluster.timing = options.timing;
  cluster.pair_failover = options.pair_failover;
  cluster.directory = options.data_dir;
  cluster.pass = options.pass;
  cluster.shares_token = options.tokens_file.empty();
  cluster.features_max = options.features_max;
  return cluster;
}

Result<> ControlPlaneOptions::validate() const {
  if (auto name = parse_name(node, "--node"); !name) return name.error();
  if (auto files = cluster_files.validate(); !files) return files;
  const bool has_secret = cluster_files.is_given() || !token_file.empty() || !tokens_file.empty();
  if (!control.is_loopback() && !has_secret) {
    return invalid(fmt::format("--control {} can be reached from other machines: give certificates "
                               "by --cluster-ca, --cluster-cert and --cluster-key, or secrets by "
                               "--tokens-file FILE.toml, or one by --token-file FILE, or bind a "
                               "loopback address such as 127.0.0.1:{}",
                               control.to_string(), control.port),
                   "--control");
  }
  if (worker_heartbeat < limits::worker_heartbeat_min ||
      worker_heartbeat > limits::worker_heartbeat_max) {
    return invalid(fmt::format("--worker-heartbeat must be from {} to {}",
                               tandem::to_string(Duration(limits::worker_heartbeat_min)),
                               tandem::to_string(Duration(limits::worker_heartbeat_max))),
                   "--worker-heartbeat");
  }
  const bool presents = !token_file.empty() || cluster_files.is_given();
  if (!tokens_file.empty() && !presents && (join || !peers.empty())) {
    return invalid(
        "--tokens-file says whom this master believes; what it presents to the other "
        "masters is to be given by --token-file FILE: `tandem token new --role master` "
        "makes one",
        "--token-file");
  }
  if (join && !peers.empty()) {
    return invalid("--peer founds a cluster, --join joins one: give either", "--join");
  }
  if (join && data_dir.empty()) {
    return invalid("--join needs --data-dir DIR: a master's promises must survive a restart",
                   "--data-dir");
  }
  return cluster_options(*this).validate();
}

}  // namespace tandem::master
