// data_plane.hpp: what forwards: one loop per core, started, fed with snapshots, drained and
// stopped together. Owner: main(); what other threads may call is said so.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/base/address_range.hpp"
#include "common/base/endpoint.hpp"
#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "master/balance/policy_factory.hpp"
#include "master/forward/exchange/rate_limiter.hpp"
#include "master/forward/plane/limits.hpp"
#include "master/forward/workers/service_options.hpp"
#include "master/forward/exchange/standby_traffic.hpp"
#include "master/registry/failure_kind.hpp"
#include "master/registry/leadership.hpp"
#include "master/registry/serving_gate.hpp"
#include "master/registry/snapshot.hpp"

namespace tandem::master {

class AccessLog;
class Loop;
enum class Farewell;
enum class Shed;
struct ForwardOptions;
struct LoopOptions;
struct RoomOffer;

struct DataPlaneOptions {
  std::string via;                     // names this gateway in Via, until a snapshot does
  Endpoint listen{"127.0.0.1", 8080};  // numeric; port 0: the kernel chooses
  bool binds_absent = false;  // `listen` may be an address that this host does not have yet
  std::vector<std::string> moving_addresses{};  // that go with the leadership; see let_clients_go()
  unsigned threads = 1;                         // 1 to 256
  ServiceOptions services;
  std::shared_ptr<PolicyFactory> policies = std::make_shared<PolicyFactory>();
  std::string default_service = "default";
  std::size_t client_connections_max = limits::client_connections_max;
  unsigned connections_per_client = 0;          // of one address; 0: any
  std::vector<AddressRange> uncounted_clients;  // that may have more, as trusted proxies may
  std::size_t memory = 0;                       // bytes that buffers and clients may take; 0: any
  std::uint64_t body_bytes_max = 0;             // of a request body: above it 413; 0: any
  RateLimit rate_limit;                         // of each client; off: any
  std::vector<AddressRange>
      trusted_proxies;             // clients whose X-Forwarded-* are kept and gone on with
  bool keeps_underscores = false;  // strangers' fields with one in their names are passed on
  bool allows_trace = false;       // else TRACE is answered 405
  bool http2 = true;               // clients may speak it by prior knowledge
  // Outlives the data plane, and has a ring for each thread; null: no access log is kept.
  AccessLog* access_log = nullptr;
  // Read before each attempt at a worker. Outlives the data plane; never null.
  const ServingGate* gate = nullptr;
  // The Tandem-Pass that standbys present to this node: they are trusted proxies then. Empty:
  // nobody is believed to be one.
  std::string pass;
  StandbyTraffic standby_traffic = StandbyTraffic::forward;
  std::string health_path;  // GET of it asks for this master's own health; empty: no path does
  // A worker refused or reset a connection and is suspect now. Called on loop threads.
  std::function<void(WorkerId, FailureKind)> report_failure;
  // A worker refused a request, for it has promised this term, which is higher than any that is
  // known here. Called on loop threads, possibly once for each request.
  std::function<void(Term)> report_term;
};

class DataPlane {
 public:
  explicit DataPlane(DataPlaneOptions options);
  ~DataPlane();  // stops

  // Binds and starts the loops. Errors: `io`, with the address and the reason.
  Result<> start();
  // Where clients are served, with the port that was chosen. REQUIRES: started.
  const Endpoint& address() const { return address_; }

  // The loops' view from now on; before start(), from its beginning. Callable from any thread at
  // any time.
  void publish(SnapshotPtr snapshot);
  // Whether every loop goes by the snapshot of that version, or a later one. Any thread.
  bool has_adopted(std::uint64_t version);
  // Who leads from now on; before the first, nobody is known to. To be published again whenever
  // the gate opens, for requests wait for that. Callable like the other.
  void publish(LeadershipPtr leadership);
  // The addresses that move are about to: their clients are let go, so that none of them loses a
  // request. To be called again and again; true when that has been done, as far as it can be, and
  // the addresses should move at once, for nobody is heard there any more. Any thread.
  bool let_clients_go(Instant now);
  // They have moved, or will not: all is as before. Any thread.
  void stop_letting_go();
  // Stops accepting and waits until all requests have been answered. False when `timeout` came
  // first.
  bool drain(Duration timeout);
  // Cuts what is left.
  void stop();

  std::uint64_t requests() const;
  // Bytes that buffers and clients take. Any thread.
  std::size_t memory_in_use() const;
  std::uint64_t client_connections() const;
  std::vector<std::uint64_t> client_connections_by_loop() const;

 private:
  ForwardOptions forward_options();
  LoopOptions loop_options();
  Loop& home_of_next(Loop& from);
  void shed(unsigned from_loop, Shed what);
  void ask_for_room(unsigned from_loop, const std::string& service);
  void offer_room(unsigned from_loop, RoomOffer offer);

  DataPlaneOptions options_;
  Endpoint address_;
  std::vector<std::unique_ptr<Loop>> loops_;
  std::mutex publishing_;  // between start() and publish() from another thread; no loop takes it
  SnapshotPtr latest_;
  LeadershipPtr leadership_;
  bool started_ = false;
  std::mutex farewell_;  // guards what follows; no loop takes it
  Farewell farewell_step_;
  Instant last_step_;    // when that began
  Instant empty_since_;  // clients were there until then
};

}  // namespace tandem::master
