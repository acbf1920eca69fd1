// flags.hpp: the flags of tandem-master, from its command line and its configuration file.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/address_range.hpp"
#include "common/base/command_line.hpp"
#include "common/base/endpoint.hpp"
#include "common/base/limits.hpp"
#include "common/base/logging.hpp"
#include "common/base/time.hpp"
#include "common/core/options.hpp"
#include "common/tls/credentials.hpp"
#include "common/wire/features.hpp"
#include "common/wire/route.hpp"
#include "common/wire/worker_spec.hpp"
#include "master/discovery/source_spec.hpp"
#include "master/publication/publication_spec.hpp"
#include "master/forward/access_log/options.hpp"
#include "master/forward/tracing/tracer.hpp"
#include "master/forward/plane/data_plane_options.hpp"
#include "master/forward/tls/certificate.hpp"
#include "master/forward/tls/limits.hpp"
#include "master/registry/limits.hpp"
#include "master/vip/vip_spec.hpp"

namespace tandem::master {

struct MasterFlags {
  std::string node = "a";
  // What clients and workers may do. Passed on as it is: main() adds the parts of the process.
  DataPlaneOptions forward;
  bool listens_by_default = false;                  // no --listen and no --listen-tls was given
  std::optional<Endpoint> listen_inner;             // --listen-inner
  std::vector<tls::CertificateFiles> certificates;  // --tls
  Duration ticket_key_interval = limits::ticket_key_interval;
  tls::ClientAuthoritySpec client_authority;
  Endpoint control{"127.0.0.1", 7070};
  std::string control_name;                   // its host as configured; empty: the same
  std::vector<AddressRange> worker_networks;  // none: anywhere
  std::string data_dir;                       // empty: nothing survives a restart
  std::map<core::NodeId, Endpoint> peers;     // control addresses of the other founders
  std::optional<Endpoint> join;               // control address of a master of the cluster to join
  core::Timing timing;
  bool pair_failover = true;
  std::string restore;  // a file; empty: none
  unsigned feature_level = static_cast<unsigned>(wire::features::newest.value());
  std::vector<std::string> on_promote;  // empty: none
  std::vector<std::string> on_demote;
  std::vector<VipSpec> vips;
  std::vector<wire::WorkerSpec> backends;
  std::vector<SourceSpec> sources;
  std::vector<PublicationSpec> publications;
  std::optional<SourceSpec> coordinator;  // unset: masters vote
  std::string cluster_name;               // --cluster; empty: not given
  std::vector<wire::Route> routes;
  std::map<std::string, wire::ServiceSettings> services;  // by their names
  Duration worker_heartbeat = 1s;
  Duration forget_after = limits::forget_after;
  Duration drain_timeout = limits::drain_max;
  bool insecure_network = false;
  tandem::tls::ClusterFiles cluster;  // --cluster-ca and those that belong to it
  std::string tokens_file;            // empty: one token, or none
  std::string token_file;
  AccessLogOptions access_log;  // an empty path: none is kept
  TracingOptions tracing;
  LogLevel log_level = LogLevel::info;
  LogFormat log_format = LogFormat::text;
  // Addresses of --listen and --control as they were written, and as they were resolved. Those that
  // are here already are not looked up again: what does not change needs no name server.
  std::map<std::string, Endpoint> resolved{};

  MasterFlags();
};

// Fills `flags`; host names are resolved. Prints nothing.
CommandLineReading parse_flags(int argc, const char* const* argv, MasterFlags& flags);
// The same. Returns the exit status if the program must end now; the
// message has been printed already.
std::optional<int> read_flags(int argc, const char* const* argv, MasterFlags& flags);

}  // namespace tandem::master
