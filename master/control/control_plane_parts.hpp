// control_plane_parts.hpp: what a ControlPlane is made of.
//
// Owner: the control loop's thread, once it runs; before it whoever starts the control plane.
#pragma once

#include <atomic>
#include <thread>

#include <boost/asio.hpp>

#include "common/base/locked_directory.hpp"
#include "common/base/name_lookups.hpp"
#include "common/http/http_call.hpp"
#include "common/http/http_server.hpp"
#include "master/cluster/cluster_member.hpp"
#include "master/control/access_control.hpp"
#include "master/control/api_router.hpp"
#include "master/control/control_plane.hpp"
#include "master/control/discovery/agent.hpp"
#include "master/control/discovery/blocking_queries.hpp"
#include "master/control/discovery/discovered_workers.hpp"
#include "master/control/discovery/published_workers.hpp"
#include "master/control/drained_wait.hpp"
#include "master/control/event_feed.hpp"
#include "master/control/heartbeat_api.hpp"
#include "master/control/long_documents.hpp"
#include "master/control/node_view.hpp"
#include "master/control/own_addresses.hpp"
#include "master/control/role_hooks.hpp"
#include "master/control/secrets.hpp"
#include "common/storage/kept_file.hpp"
#include "master/control/view_events.hpp"
#include "master/events/event_log.hpp"
#include "master/metrics/control_counts.hpp"
#include "master/metrics/history.hpp"
#include "master/registry/prober.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

// In the order of construction; the loop is destroyed last, for all others have sockets or timers
// in it.
struct ControlPlane::Parts {
  Parts(const ControlPlaneOptions& options, ServingGate& gate, const ControlPlaneHooks& hooks);

  Result<> open(const ControlPlaneOptions& options);
  Result<> configure(const ControlPlaneOptions& options);
  Result<> adopt(const Renewal& renewal);
  Result<Registry::Configured> configured(const ControlPlaneOptions& options) const;
  void look_up(const std::vector<wire::WorkerSpec>& backends);
  NameLookups::Found without_own(const NameLookups::Found& found) const;
  void open_agent(const ControlPlaneOptions& options);
  void open_discovery(const ControlPlaneOptions& options);
  void open_publication(const ControlPlaneOptions& options);
  std::vector<Endpoint> serving_masters() const;
  void route(const ControlPlaneOptions& options);
  void run();
  void tick_at(boost::asio::steady_timer::time_point time);
  void publish_soon();
  void close();
  void saw_view();
  void note_addresses();
  std::map<std::string, cluster::NodeAddresses> masters() const;
  std::string not_ready() const;
  Admission admit(const ControlRequest& request);
  Admission admit_caller(const ControlRequest& request);
  std::string own_origin(std::string_view authority) const;
  std::vector<std::string> pages() const;
  void let_pages_read(const ControlRequest& request, ControlResponse& response) const;
  Result<std::shared_ptr<HttpServer::Listener>> open_control(const ControlPlaneOptions& options);
  void move_control(std::shared_ptr<HttpServer::Listener> opened,
                    const ControlPlaneOptions& options);
  std::optional<Endpoint> recorded_control() const;
  void tend_control(Instant now);
  boost::asio::awaitable<void> tell_control(Endpoint wanted);
  void note_second();
  metrics::ControlCounts counts() const;
  void take(const Secrets& secrets);
  void use_secrets(const Renewal& renewal);
  boost::asio::awaitable<ControlResponse> answer(const ControlRequest& request);
  boost::asio::awaitable<void> await_adoption();
  boost::asio::awaitable<ControlResponse> ask_primary(const ControlRequest& request);

  void record(Event event);
  void open_event_times(const std::string& directory);
  void keep_event_times();
  std::function<void()> watch_change(const core::Entry& entry, const AuthoredChange& authored,
                                     const ClusterState& state);
  void saw_state(const WorkerRecord& record, WorkerState before);
  void tell_standing() const;
  void look_for_panics();
  void tell_of_certificates();
  void tell_request(const ControlRequest& request, const ControlResponse& response);
  void tell_reload_of_certificates(const ControlRequest& request, const Result<>& outcome);

  Result<> read_credentials(const ControlPlaneOptions& options);
  void use_credentials(tandem::tls::CredentialsPtr loaded);
  void tell_inner_access();
  // What clients are shown, and this master's own in the cluster.
  std::vector<wire::CertificateStatus> certificates() const;
  void warn_of_certificate();

  boost::asio::io_context loop{1};
  boost::asio::thread_pool reloads{1};  // blocks for the disk
  // One begins, for as long as a new process takes; others are told so.
  boost::asio::thread_pool upgrades{2};
  boost::asio::steady_timer tick_timer{loop};
  boost::asio::steady_timer publish_timer{loop};
  std::chrono::steady_clock::time_point publish_not_before{};
  EventLog events;
  EventFeed feed{loop, events};
  std::optional<storage::KeptFile> event_times;  // unset: there is no data directory
  ViewEvents view_events;
  metrics::History history;
  HeartbeatCounts heartbeats;
  std::uint64_t panics = 0;                      // that began
  Instant unprotected_since = Instant::never();  // never: a single loss would be survived
  std::set<std::string> panicking;               // services, as told
  std::string refused_reload;                    // why the last one was; empty: it was not
  std::string refused_certificates;              // the same of certificates alone
  Instant second = Instant();  // of the last look at what is looked at once a second
  std::optional<LockedDirectory> directory;
  AccessControl access;
  // Null: there is no TLS. Any thread, once it is open.
  const tandem::tls::CurrentCredentialsPtr credentials;
  std::string certificate_file;
  access::WallTime warned_at{};  // the day for which the end of the certificate was looked at
  InnerAccessPtr inner_access;   // as last told; null: nothing was
  std::string token;             // presented to other masters; empty: none
  NodeView node;
  ServingGate& gate;
  const ControlPlaneHooks hooks;
  bool standby_serves;
  Duration takeover_wait;
  Endpoint configured_control;  // as the flags have it
  std::string control_name;
  Instant leave_control_at = Instant::never();  // the address before; never: not yet
  bool telling_control = false;
  const std::map<core::NodeId, Endpoint> peers;
  const core::Timing timing;
  OwnAddresses own_addresses;
  Registry registry;
  Prober prober;
  HttpCalls calls{loop};  // of other masters
  NameLookups lookups;    // of backends, by their names:
  std::map<std::string, std::pair<Endpoint, NameLookups::Watch>> looked_up;
  std::optional<ClusterMember> member;
  std::optional<DrainedWait> drained;
  std::optional<TicketSharing> tickets;
  LongDocuments documents{loop, registry};
  BlockingQueries queries{loop};
  std::optional<Agent> agent;
  std::optional<DiscoveredWorkers> discovered;
  std::optional<PublishedWorkers> published;
  RoleHooks role_hooks;
  std::optional<HeartbeatApi> heartbeat_api;
  ApiRouter router;
  HttpServer server;
  std::thread thread;
  Instant primary_lost;  // when this node last ceased to know one; the boot of the machine: never
  // Another process takes the place of this one, which has not lost the leadership by that.
  std::atomic<bool> keeps_role{false};
  bool closed = false;
};

}  // namespace tandem::master
