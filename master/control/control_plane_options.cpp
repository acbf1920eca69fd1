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
  cluster.clear_text = options.clear_text();
  cluster.features_max = options.features_max;
  return cluster;
}

namespace {

// What goes to control addresses in clear text stays on this machine.
Result<> check_clear_text(const ControlPlaneOptions& options) {
  const auto clear = options.clear_text();
  if (!tls::may_be_clear(clear, options.control)) {
    return invalid(
        fmt::format("--control {} can be reached from other machines, and would be spoken to in "
                    "clear text: {}; or bind a loopback address such as 127.0.0.1:{}",
                    options.control.to_string(), tls::way_out_of_clear_text(tls::ToldBy::flags),
                    options.control.port),
        "--control");
  }
  if (options.inner) {
    const auto what = "--listen-inner " + options.inner->to_string();
    if (auto ok = tls::check_clear_text(clear, *options.inner, what, "--listen-inner"); !ok) {
      return ok;
    }
  }
  for (const auto& [name, address] : options.peers) {
    const auto what = fmt::format("--peer {}={}", name, address.to_string());
    if (auto ok = tls::check_clear_text(clear, address, what, "--peer"); !ok) return ok;
  }
  for (const auto& source : options.sources) {
    if (options.insecure_network) break;
    if (auto ok = check_secrets(source, "--discover"); !ok) return ok;
  }
  for (const auto& publication : options.publications) {
    if (options.insecure_network) break;
    if (auto ok = check_secrets(publication.registry, "--publish"); !ok) return ok;
  }
  if (!options.join) return {};
  return tls::check_clear_text(clear, *options.join, "--join " + options.join->to_string(),
                               "--join");
}

// What a cluster reads from itself would never leave it.
Result<> check_sources(const ControlPlaneOptions& options) {
  for (const auto& source : options.sources) {
    for (const auto& server : source.servers) {
      bool is_ours = server == options.control || (options.join && server == *options.join);
      for (const auto& [name, address] : options.peers) is_ours = is_ours || server == address;
      if (!is_ours) continue;
      return invalid(fmt::format("--discover {}: {} is a master of this cluster", source.text,
                                 server.to_string()),
                     "--discover");
    }
  }
  return {};
}

// What is published and read again would keep itself alive.
Result<> check_publications(const ControlPlaneOptions& options) {
  for (const auto& publication : options.publications) {
    for (const auto& source : options.sources) {
      if (auto ok = check_no_loop(publication, source); !ok) return ok;
    }
  }
  return {};
}

// What belongs to masters that vote, and what cannot be known without messages between them.
Result<> check_coordinator(const ControlPlaneOptions& options) {
  const auto& coordinator = *options.coordinator;
  if (coordinator.etcd.servers.empty()) {
    return invalid("--cluster names a cluster in a coordinator: give that by --coordinator",
                   "--cluster");
  }
  if (coordinator.cluster.empty()) {
    return invalid("--coordinator needs --cluster NAME, below which the cluster's keys are",
                   "--cluster");
  }
  if (auto name = parse_name(coordinator.cluster, "--cluster"); !name) return name.error();
  const auto beside = [](std::string_view flag, std::string_view why) {
    return invalid(fmt::format("{} does not go together with --coordinator: {}", flag, why),
                   std::string(flag));
  };
  if (!options.peers.empty()) return beside("--peer", "masters find each other in etcd");
  if (options.join) return beside("--join", "masters find each other in etcd");
  if (!options.pair_failover) return beside("--pair-failover", "masters do not vote");
  if (!options.restore.empty()) return beside("--restore", "the state is in etcd");
  if (options.serves_under_grants) {
    return beside("--standby-traffic serve",
                  "etcd grants nothing; forward, redirect and refuse are there");
  }
  if (options.control.is_unspecified()) {
    return invalid(fmt::format("--control {}: the other masters find this one by it in etcd, so it "
                               "must be an address that they can connect to",
                               options.control.to_string()),
                   "--control");
  }
  if (options.insecure_network) return {};
  return check_secrets(coordinator.etcd, "--coordinator");
}

}  // namespace

tls::ClearText ControlPlaneOptions::clear_text() const {
  const bool is_allowed = insecure_network || cluster_files.is_given();
  return is_allowed ? tls::ClearText::everywhere : tls::ClearText::on_this_machine;
}

Result<> ControlPlaneOptions::validate() const {
  if (auto name = parse_name(node, "--node"); !name) return name.error();
  if (auto files = cluster_files.validate(); !files) return files;
  const bool has_secret = cluster_files.is_given() || !token_file.empty() || !tokens_file.empty();
  if (auto clear = check_clear_text(*this); !clear) return clear;
  if (auto others = check_sources(*this); !others) return others;
  if (auto loops = check_publications(*this); !loops) return loops;
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
  if (coordinator) {
    if (auto fits = check_coordinator(*this); !fits) return fits;
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
