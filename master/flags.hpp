// flags.hpp: what tandem-master was told to do, on the command line or in its file.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/address_range.hpp"
#include "common/base/endpoint.hpp"
#include "common/base/limits.hpp"
#include "common/base/logging.hpp"
#include "common/base/time.hpp"
#include "common/core/options.hpp"
#include "common/wire/features.hpp"
#include "common/wire/route.hpp"
#include "common/wire/worker_spec.hpp"
#include "common/wire/policy_spec.hpp"
#include "master/forward/workers/timeouts.hpp"
#include "master/forward/exchange/rate_limiter.hpp"
#include "master/forward/exchange/standby_traffic.hpp"
#include "master/registry/limits.hpp"
#include "master/vip/vip_spec.hpp"

namespace tandem::master {

struct MasterFlags {
  std::string node = "a";
  Endpoint listen{"127.0.0.1", 8080};
  Endpoint control{"127.0.0.1", 7070};
  std::string control_name;                   // its host as it was given; empty: as it is
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
  std::vector<wire::Route> routes;
  std::map<std::string, wire::ServiceSettings> services;  // by their names
  unsigned threads;                                       // as many as the machine has cores
  wire::PolicySpec balance = wire::PolicyName::p2c;
  wire::StickySpec sticky;
  Duration slow_start = 10s;
  unsigned eject_after = 5;  // failures in a row; 0: never
  StandbyTraffic standby_traffic = StandbyTraffic::forward;
  std::string health_path;  // of the client address; empty: all paths are the services'
  ForwardTimeouts timeouts;
  std::uint64_t body_bytes_max = 0;     // 0: any
  RateLimit rate_limit;                 // off: any
  unsigned connections_per_client = 0;  // 0: any
  std::optional<std::uint64_t> memory;  // bytes; 0: any; unset: half of what there is
  std::vector<AddressRange> trusted_proxies;
  bool keeps_underscores = false;  // strangers' fields with one in their names
  bool allows_trace = false;
  bool http2 = true;
  Duration worker_heartbeat = 1s;
  Duration forget_after = limits::forget_after;
  Duration drain_timeout = limits::drain_max;
  std::string token_file;
  std::string access_log = "off";  // a file, "-" for the standard output, or "off"
  LogLevel log_level = LogLevel::info;

  MasterFlags();
};

// Fills `flags`; host names are resolved. Returns the exit status when the program shall end now:
// all is said already.
std::optional<int> read_flags(int argc, const char* const* argv, MasterFlags& flags);

}  // namespace tandem::master
