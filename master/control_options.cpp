#include "master/control_options.hpp"

#include <chrono>

#include "common/access/last_day.hpp"
#include "master/access_log_flags.hpp"
#include "master/client_flags.hpp"
#include "master/control/control_plane_credentials.hpp"
#include "master/control/control_plane_options.hpp"
#include "master/control/secrets.hpp"
#include "master/forward/tls/certificates.hpp"
#include "master/forward/tls/tickets.hpp"

namespace tandem::master {

namespace {

Result<> check_addresses(const MasterFlags& flags) {
  VipNeighbours neighbours{.listen = {}, .control = flags.control, .peers = {}};
  for (const auto& address : flags.forward.listen) neighbours.listen.push_back(address.endpoint);
  for (const auto& [name, control] : flags.peers) neighbours.peers.push_back(control);
  if (flags.listen_inner && is_among(flags.vips, flags.listen_inner->host)) {
    return invalid("--listen-inner must be an address that stays here, and a --vip moves",
                   "--listen-inner");
  }
  return check_vips(flags.vips, neighbours);
}

Result<> check_certificates(const MasterFlags& flags) {
  if (flags.certificates.empty()) return {};
  const auto now = std::chrono::system_clock::now();
  const tls::Tickets tickets(
      std::chrono::duration_cast<tls::Tickets::Interval>(flags.ticket_key_interval), now);
  tls::Certificates certificates(flags.certificates, flags.client_authority);
  const auto loaded = certificates.load(now, tickets.keys());
  return loaded ? Result<>() : loaded.error();
}

template <class Outcome>
void note(const Outcome& outcome, std::vector<std::string>& errors) {
  if (!outcome) errors.push_back(outcome.error().message);
}

}  // namespace

ControlPlaneOptions control_options(const MasterFlags& flags) {
  ControlPlaneOptions options;
  options.node = flags.node;
  options.control = flags.control;
  options.control_name = flags.control_name;
  const auto& first = flags.forward.listen.front();
  if (!first.tls && first.endpoint.port != 0) options.listen = first.endpoint;
  options.inner = flags.listen_inner;
  options.worker_networks = flags.worker_networks;
  options.worker_heartbeat = flags.worker_heartbeat;
  options.forget_after = flags.forget_after;
  options.data_dir = flags.data_dir;
  options.standby_serves = flags.forward.standby_traffic != StandbyTraffic::refuse;
  options.serves_under_grants = flags.forward.standby_traffic == StandbyTraffic::serve;
  options.backends = flags.backends;
  options.sources = flags.sources;
  options.publications = flags.publications;
  options.routes = flags.routes;
  options.services = flags.services;
  options.cluster_files = flags.cluster;
  options.tokens_file = flags.tokens_file;
  options.token_file = flags.token_file;
  options.insecure_network = flags.insecure_network;
  options.peers = flags.peers;
  options.join = flags.join;
  if (flags.coordinator || !flags.cluster_name.empty()) {
    options.coordinator.emplace();
    if (flags.coordinator) options.coordinator->etcd = *flags.coordinator;
    options.coordinator->cluster = flags.cluster_name;
    options.takeover_wait = flags.forward.takeover_wait;
  }
  options.timing = flags.timing;
  options.pair_failover = flags.pair_failover;
  options.restore = flags.restore;
  options.features_max = wire::FeatureLevel(flags.feature_level);
  options.on_promote = flags.on_promote;
  options.on_demote = flags.on_demote;
  return options;
}

std::vector<std::string> contradictions(const MasterFlags& flags) {
  auto errors = check_tls(flags);
  for (auto& error : check_access_log(flags.access_log)) errors.push_back(std::move(error));
  note(control_options(flags).validate(), errors);
  note(check_addresses(flags), errors);
  return errors;
}

std::vector<std::string> check_files(const MasterFlags& flags) {
  std::vector<std::string> errors;
  note(check_certificates(flags), errors);
  const auto options = control_options(flags);
  if (flags.cluster.is_given())
    note(load_cluster_credentials(options, tandem::tls::OutOfTime::accepted), errors);
  note(read_secrets(options), errors);
  note(check_configured(options), errors);
  return errors;
}

}  // namespace tandem::master
