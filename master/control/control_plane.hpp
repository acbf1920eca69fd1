// control_plane.hpp: everything of a master that is not the forwarding of requests, on a thread of
// its own: the registry, the probes of backends, the control API, the membership in the cluster.
//
// main() constructs one, starts it, and hands its snapshots to the forwarding loops. All parts run
// on one loop, the control loop; each function says whether other threads may call it.
//
// Always: nothing is called back after stop() returned.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/address_range.hpp"
#include "common/base/endpoint.hpp"
#include "common/base/inherited_sockets.hpp"
#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "common/core/options.hpp"
#include "common/tls/clear_text.hpp"
#include "common/tls/credentials.hpp"
#include "common/wire/features.hpp"
#include "common/wire/route.hpp"
#include "common/wire/status.hpp"
#include "common/wire/worker_spec.hpp"
#include "master/control/certificates_api.hpp"
#include "master/control/config_api.hpp"
#include "master/control/ticket_sharing.hpp"
#include "master/control/upgrade_api.hpp"
#include "master/coordinator/coordinator_spec.hpp"
#include "master/discovery/source_spec.hpp"
#include "master/events/event.hpp"
#include "master/metrics/traffic.hpp"
#include "master/publication/publication_spec.hpp"
#include "master/registry/failure_kind.hpp"
#include "master/registry/inner_access.hpp"
#include "master/registry/leadership.hpp"
#include "master/registry/limits.hpp"
#include "master/registry/serving_gate.hpp"
#include "master/registry/snapshot.hpp"

namespace tandem::master {

struct ApiEndpoint;

struct ControlPlaneOptions {
  std::string node{};                            // this master's name
  Endpoint control{"127.0.0.1", 7070};           // --control; port 0: the kernel chooses
  std::string control_name{};                    // its host as configured; empty: control.host
  std::optional<Endpoint> listen{};              // --listen, where its port is known
  std::optional<Endpoint> inner{};               // --listen-inner
  std::vector<AddressRange> worker_networks{};   // --worker-network; empty: anywhere
  Duration worker_heartbeat = 1s;                // --worker-heartbeat
  Duration forget_after = limits::forget_after;  // a worker that is down for this long is forgotten
  std::string data_dir{};                        // --data-dir; empty: nothing survives a restart
  std::map<core::NodeId, Endpoint> peers{};      // --peer
  std::optional<Endpoint> join{};                // --join
  core::Timing timing{};                         // --cluster-heartbeat, --election-timeout
  bool pair_failover = true;                     // --pair-failover
  Duration takeover_wait = limits::takeover_wait_max;        // how long requests wait for a primary
  wire::FeatureLevel features_max = wire::features::newest;  // --feature-level
  std::string restore{};                         // --restore; empty: nothing is restored
  std::string pass{};                            // see wire::ClusterEnvelope
  bool standby_serves = true;                    // whether a standby answers clients: for /ready
  bool serves_under_grants = false;              // a standby sends requests to workers by itself
  std::vector<std::string> on_promote{};         // --on-promote
  std::vector<std::string> on_demote{};          // --on-demote
  std::vector<wire::WorkerSpec> backends{};      // --backend
  std::vector<SourceSpec> sources{};             // --discover
  std::vector<PublicationSpec> publications{};   // --publish
  std::vector<wire::Route> routes{};             // --route
  std::optional<CoordinatorSpec> coordinator{};  // --coordinator, --cluster; unset: masters vote
  std::map<std::string, wire::ServiceSettings> services{};  // --service
  // --cluster-ca, --cluster-cert, --cluster-key, --cluster-revoked: the control address speaks TLS.
  tandem::tls::ClusterFiles cluster_files{};
  bool insecure_network = false;  // --insecure-network
  std::string tokens_file{};      // --tokens-file; empty: there is one token, or none
  std::string token_file{};  // --token-file; presented to masters, and without a tokens file what
                             // all callers present; both empty: loopback only

  // Where members may be spoken to without TLS; with certificates nothing is in clear text.
  tandem::tls::ClearText clear_text() const;
  // Errors: `invalid`, naming the flag, for a control address that others can reach without a
  // token, one beyond this machine that would be spoken to in clear text, a heartbeat interval
  // outside the limits, or an invalid name. These are errors of usage.
  Result<> validate() const;
};

struct ControlPlaneHooks {
  std::function<void(SnapshotPtr)> snapshot;      // the first soon after start(); control thread
  std::function<void(LeadershipPtr)> leadership;  // on the cluster's thread
  std::function<void()> gate{};                   // see ClusterMemberHooks; the next two as well
  std::function<bool(Instant)> farewell{};
  std::function<void()> farewell_over{};
  std::function<std::vector<wire::VipStatus>()> vips{};  // for /status; empty: there are none
  CertificateHooks certificates{};
  TicketHooks tickets{};
  ConfigHooks config{};
  UpgradeHooks upgrade{};
  std::function<metrics::Traffic()> traffic{};  // for /metrics; empty: nobody forwards
  // How long workers take, for /v1/latency; empty: nobody forwards. Any thread.
  std::function<std::map<std::string, decltype(HistogramSums::buckets)>()> latencies{};
  // Whether all forwarding loops use the snapshot of that version; empty: nobody forwards.
  // Control thread.
  std::function<bool(std::uint64_t version)> has_adopted{};
  // Each turn of the control loop, which come some in a heartbeat's time. Control thread.
  std::function<void(Instant now)> turn{};
  // Whom this master believes that passes requests on, where it has an inner address; at first and
  // when that changes. Control thread.
  std::function<void(InnerAccessPtr)> inner_access{};
  // Why clients cannot be served, empty if they can, and how this master stands, in a sentence;
  // when that changes, and now and then. Control thread.
  std::function<void(const std::string& not_ready, const std::string& standing)> standing{};
};

class ControlPlane {
 public:
  // `gate` outlives it.
  ControlPlane(ControlPlaneOptions options, ServingGate& gate, ControlPlaneHooks hooks);
  // Stops it if it runs.
  ~ControlPlane();

  // Opens the data directory, binds the control address, starts the thread. Once.
  // Errors: one sentence, with the flag in `field` where one is at fault. `invalid` is an error of
  // usage or configuration (exit status 2); all others are not (1).
  Result<> start();

  // The control address with the port that the kernel chose. REQUIRES: start() succeeded. Any
  // thread, before the first adopt().
  Endpoint address() const;

  // All of the control API. REQUIRES: start() succeeded. Any thread.
  const std::vector<ApiEndpoint>& endpoints() const;

  // A forwarding loop failed at a worker: it is suspect until its next good sign. Any thread.
  // Only the loop that turns counters->suspect from false to true reports, so that a failure is
  // reported once, however many requests met it. REQUIRES: that flag is true.
  void report_failure(WorkerId id, FailureKind kind);

  // A worker has promised this term. Any thread.
  void report_term(Term term);
  // If this master leads and another one could, hands the leadership over and waits until it has.
  // Any thread but the control thread.
  void hand_over();

  // The process is about to end without stop(): starts the hook that is due. Any thread.
  void end_at_once();

  // What a reload changes here: of the options the backends, routes and settings of services,
  // worker_networks, worker_heartbeat, forget_after, how a standby serves, the control address, and
  // the commands of changes of the role;
  // and what the files of tokens and of the cluster's certificates say now, which may be others
  // than before.
  struct Renewal;
  // Reads the files. Any thread; blocks for the disk. Errors: `invalid`, with the flag; the log
  // tells them where the reload would `apply`.
  Result<std::shared_ptr<const Renewal>> prepare(const ControlPlaneOptions& options,
                                                 ReloadMode mode = ReloadMode::apply) const;
  // All of it, or, when there is an error, nothing: `invalid`, with the flag; `unavailable` when
  // this master is about to end. Any thread but the control thread, which is waited for. REQUIRES:
  // start() succeeded.
  Result<> adopt(std::shared_ptr<const Renewal> renewal);

  // Something happened of which GET /events shall tell. Any thread.
  void record(Event event);

  // What GET /ready answers from now on. Any thread.
  void set_draining(bool draining);

  // Begins to take part in the cluster: from then on this master may be primary. Clients can be
  // served by now. REQUIRES: start() succeeded, once.
  void take_part();

  // Where clients connect who speak no TLS, once known, or when that has changed; unset: nowhere.
  // The other masters are told. Any thread.
  void set_listen(std::optional<Endpoint> listen);

  // Where other masters pass requests on to this one, once known. They are told. Any thread.
  void set_inner(const Endpoint& inner);

  // ---- upgrades (master/upgrade)
  // Why the cluster could not be led after a restart of this master alone; empty: it could. Any
  // thread but the control thread. REQUIRES: as the next.
  std::string why_no_restart();
  // Of the cluster. Any thread but the control thread. REQUIRES: as the next.
  unsigned feature_level();
  // Where it listens; the caller owns the descriptor. Any thread but the control thread. REQUIRES:
  // start() succeeded, and neither release() nor stop() was called.
  Result<InheritedSockets> listening_socket();
  // As stop(), for a process that takes the place of this one as the same member: requests that
  // have come are answered first, whoever waits to be accepted is left to the new process, the gate
  // is left as it is, and no hook is told of a loss of the leadership. Then the data directory is
  // free. Not from the control thread.
  void release();

  // Closes the control address and ends the thread. Not from the control thread. May be called
  // twice.
  void stop();

 private:
  struct Parts;

  ControlPlaneOptions options_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace tandem::master
