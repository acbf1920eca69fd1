// forward_options.hpp: what an operator says about forwarding, once for the whole way: flags fill
// it, and every loop has a copy, which a reload replaces (Context::adopt). So nothing may keep a
// reference to text in it while it waits.
//
// A new setting is a member here, its flag in master/flags.cpp, its row in master/reload_table.cpp,
// and its use. Owner: the data plane.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/address_range.hpp"
#include "common/base/strong.hpp"
#include "master/balance/policy_factory.hpp"
#include "master/forward/exchange/rate_limiter.hpp"
#include "master/forward/exchange/standby_traffic.hpp"
#include "master/forward/workers/service_options.hpp"
#include "master/registry/failure_kind.hpp"
#include "master/registry/limits.hpp"
#include "master/registry/serving_gate.hpp"
#include "master/registry/snapshot.hpp"

namespace tandem::master {

class AccessLog;
class Tracer;

struct ForwardOptions {
  std::string via;                          // names this gateway in Via, until a snapshot does
  std::string default_service = "default";  // for requests that no route leads elsewhere
  ServiceOptions services;                  // where a service has no setting of its own
  std::shared_ptr<PolicyFactory> policies = std::make_shared<PolicyFactory>();
  unsigned threads = 1;                         // loops; 1 to 256
  std::size_t memory = 0;                       // bytes for buffers and clients; 0: no limit
  std::uint64_t body_bytes_max = 0;             // of a request body: above it 413; 0: no limit
  RateLimit rate_limit;                         // of each client; off: no limit
  unsigned connections_per_client = 0;          // of one address; 0: no limit
  std::vector<AddressRange> uncounted_clients;  // that may have more, as trusted proxies may
  std::vector<AddressRange> proxy_protocol;     // who says first whose connection it is
  std::vector<AddressRange> trusted_proxies;    // clients whose X-Forwarded-* are believed
  bool keeps_underscores = false;   // strangers' fields with one in their names are passed on
  bool allows_trace = false;        // else TRACE is answered 405
  bool http2 = true;                // clients may speak it by prior knowledge
  bool redirects_to_https = false;  // clients that come without TLS
  std::string hsts;                 // of answers to https; empty: the workers' own alone
  std::string acme_webroot;         // a directory; empty: challenges are requests like others
  StandbyTraffic standby_traffic = StandbyTraffic::forward;
  // How long a request waits for a primary.
  Duration takeover_wait = limits::takeover_wait_max;
  std::string health_path;  // GET of it asks for this master's own health; empty: no path does

  // ---- the parts of this process that forwarding needs
  // Outlives the data plane, and has a ring for each loop; null: no access log is kept.
  AccessLog* access_log = nullptr;
  // Likewise; null: contexts of traces are passed on as they come. A reload may replace both.
  Tracer* tracer = nullptr;
  // Read before each attempt at a worker. Outlives the data plane; never null.
  const ServingGate* gate = nullptr;
  // The Tandem-Pass that standbys present to this node. Empty: no client is believed to be one.
  std::string pass;
  // A worker refused a connection, or did not answer in time, and is suspect now. Called on loop
  // threads, by the loop that set the mark.
  std::function<void(WorkerId, FailureKind)> report_failure;
  // A worker refused a request, since it has promised this term, which is higher than any that is
  // known here. Called on loop threads, possibly once for each request.
  std::function<void(Term)> report_term;
};

}  // namespace tandem::master
