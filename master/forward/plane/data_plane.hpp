// data_plane.hpp: the part that forwards: one loop per core; all are started, fed with snapshots,
// drained and stopped together. Owner: main(); functions that any thread may call say so.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/endpoint.hpp"
#include "common/base/inherited_sockets.hpp"
#include "common/base/mutex.hpp"
#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "master/forward/plane/data_plane_options.hpp"
#include "master/forward/plane/listeners.hpp"
#include "master/metrics/traffic.hpp"
#include "master/registry/inner_access.hpp"
#include "master/registry/leadership.hpp"
#include "master/registry/snapshot.hpp"

namespace tandem::master {

class ClientCounts;
struct Entrance;
class Loop;
enum class Farewell;
enum class Shed;
struct LoopLinks;
struct PassedClient;
struct RenewedOptions;
struct RoomOffer;

class DataPlane {
 public:
  explicit DataPlane(DataPlaneOptions options);
  ~DataPlane();  // stops

  // Binds and starts the loops. Errors: `io`, with the address and the reason.
  Result<> start();
  // The two halves of it: clients can connect after the first, and are accepted after the second.
  Result<> open();
  void accept();
  // Returns once every loop has done what was posted to it, unless one is stuck. Any thread but a
  // loop's.
  void await_loops();
  // The first address where clients speak TLS, or do not, with the port that was chosen. REQUIRES:
  // opened. Any thread.
  std::optional<Endpoint> address(bool tls) const;

  // Where other masters pass requests on. REQUIRES: started. Any thread.
  std::optional<Endpoint> inner_address() const;

  // Replaces what the loops see; before start(), what they will see first. Any thread, any time.
  void publish(SnapshotPtr snapshot);
  // Whether every loop uses the snapshot of that version, or a later one. Any thread.
  bool has_adopted(std::uint64_t version);
  // Sets who leads; before the first, no master is known to lead. To be published again whenever
  // the gate opens, since requests wait for that. Any thread, any time.
  void publish(LeadershipPtr leadership);
  // Sets who is believed that passes requests on; before the first, nobody at an inner address. Any
  // thread, any time.
  void publish(InnerAccessPtr access);
  // What clients are shown from now on, on all loops at once: clients whose handshake begins after
  // this has returned see it. Errors: as ServerContexts::make(); nothing has changed then. Any
  // thread but a loop's.
  Result<> publish(tls::CertificateSetPtr certificates);
  // What is said about forwarding from now on: of `options` all but threads, memory, via, gate and
  // the reports, which stay as they were. Requests under way end as they began, or go by it from
  // their next step on; clients that are connected stay. Returns once all loops go by it; false:
  // one did not within a second, and will later, so that what the old options named must stay.
  // Errors: as ServerContexts::make(); nothing has changed then. Any thread but a loop's.
  Result<bool> adopt(const ForwardOptions& options);
  // Opens what is new in `wanted`, to be given to listen(). Nothing has changed until then, and one
  // plan at a time may be open. Errors: `io`, with the address and the reason, when one
  // cannot be opened by all loops; `unavailable` when addresses of the last plan are still being
  // left. Any thread but a loop's.
  Result<ListenPlan> plan_addresses(const std::vector<ListenAddress>& wanted);
  // Serves clients where the plan says, besides where it does. Where it opens an address with TLS
  // there must be certificates. Any thread but a loop's.
  void listen(const std::shared_ptr<ListenPlan>& plan);
  // Leaves the addresses that the plan does not have: accepts those who wait there, and makes every
  // answer to those who came there the last of its connection. Returns once they are closed. False:
  // they are not yet, for want of room for those who wait, and will be. Any thread but a loop's.
  bool leave_addresses(const ListenPlan& plan);
  // ---- upgrades: another process takes the place of this one (data_plane_upgrade.cpp)
  // Where this one listens. The caller owns the descriptors. Errors: `unavailable` when a loop does
  // not answer. Any thread but a loop's.
  struct SharedAddress {
    unsigned number = 0;
    InheritedSockets sockets{};
  };
  Result<std::vector<SharedAddress>> listening_sockets();
  // Where it listens, with their numbers. Any thread.
  std::vector<OpenAddress> addresses() const;
  // Listens no more at the addresses of these numbers: the other process accepts whoever waits
  // there. Any thread but a loop's.
  void abandon(const std::vector<unsigned>& numbers);
  // Requests that are here still are passed on to whoever leads, whatever a standby does otherwise.
  // Any thread but a loop's.
  void forward_to_primary();
  // Passes clients on as soon as they can be; others are asked to leave. To be called again now and
  // then. `take` is called on the loops. Empty: no more are. Any thread.
  using TakeClient = std::function<void(PassedClient client, const Entrance& entrance)>;
  void pass_on_clients(const TakeClient& take);
  // Whether there is a process before this one, whose clients come here: makes room for them and
  // for the requests that it still has. Any thread.
  void set_former(bool is_there) { has_former_.store(is_there, std::memory_order_relaxed); }
  // Serves a client that the process before has passed on, or that could not be passed on: one that
  // had come in at that port. False: there is no room, or no such address, and it is the caller's
  // still. Any thread.
  bool welcome_passed(PassedClient& client, const std::string& port, bool tls);
  // Waits until all clients have left. False: `timeout` passed first. Any thread but a loop's.
  bool await_no_clients(Duration timeout) const;

  // The moving addresses are about to move: asks their clients to leave, so that none loses a
  // request. To be called again and again; true once that has been done as far as it can be: the
  // addresses should move at once then, since new connections are dropped. Any thread.
  bool let_clients_go(Instant now);
  // The addresses have moved, or will not: clients are served as before. Any thread.
  void stop_letting_go();
  // Each loop calls `task` on its thread, soon, unless it is stuck. False: they do not run yet. Any
  // thread.
  bool on_each_loop(const std::function<void()>& task);
  // Stops accepting and waits until all requests have been answered. False: `timeout` passed first.
  bool drain(Duration timeout);
  // Ends the loops, and cuts the connections that are left.
  void stop();

  std::uint64_t requests() const;
  // What has been counted so far. Any thread.
  metrics::Traffic traffic();
  // How long each worker takes lately: the latest answers by bucket. Any thread.
  std::map<std::string, decltype(HistogramSums::buckets)> latencies();
  // Bytes that buffers and clients take. Any thread.
  std::size_t memory_in_use() const;
  std::uint64_t client_connections() const;
  std::vector<std::uint64_t> client_connections_by_loop() const;

 private:
  std::unique_ptr<const LoopLinks> make_links();
  ForwardOptions with_own_parts(ForwardOptions options) const;
  Result<std::uint64_t> hand_out(const tls::CertificateSetPtr& certificates)
      TANDEM_REQUIRES(publishing_);
  void forget_left();
  bool await_all(Duration timeout, const std::function<bool(const Loop&)>& holds) const;
  Loop& home_of_next(Loop& from);
  void shed(unsigned from_loop, Shed what);
  void ask_for_room(unsigned from_loop, const std::string& service);
  void offer_room(unsigned from_loop, RoomOffer offer);

  const DataPlaneOptions options_;
  std::atomic<bool> has_former_{false};
  std::atomic<std::size_t> clients_max_;  // per loop
  const std::unique_ptr<const LoopLinks> links_;
  std::vector<std::unique_ptr<Loop>> loops_;  // as start() made them
  // Between start() and publish() from another thread; no loop takes it.
  mutable Mutex publishing_;
  SnapshotPtr latest_ TANDEM_GUARDED_BY(publishing_);
  LeadershipPtr leadership_ TANDEM_GUARDED_BY(publishing_);
  InnerAccessPtr inner_access_ TANDEM_GUARDED_BY(publishing_);
  tls::CertificateSetPtr certificates_ TANDEM_GUARDED_BY(publishing_);
  std::uint64_t tls_version_ TANDEM_GUARDED_BY(publishing_) = 0;
  bool started_ TANDEM_GUARDED_BY(publishing_) = false;
  Listeners listeners_ TANDEM_GUARDED_BY(publishing_);
  std::shared_ptr<ListenPlan> first_plan_;                     // between open() and accept()
  std::vector<unsigned> left_ TANDEM_GUARDED_BY(publishing_);  // numbers, until all loops have
  // As a reload left them.
  ForwardOptions current_ TANDEM_GUARDED_BY(publishing_);
  std::shared_ptr<const RenewedOptions> renewed_ TANDEM_GUARDED_BY(publishing_);
  std::shared_ptr<ClientCounts> client_counts_ TANDEM_GUARDED_BY(publishing_);
  std::uint64_t options_version_ TANDEM_GUARDED_BY(publishing_) = 0;
  std::uint64_t lines_lost_ TANDEM_GUARDED_BY(publishing_) = 0;  // of access logs that have ended
  struct SpanCounts {
    std::uint64_t exported = 0;
    std::uint64_t dropped = 0;
    std::uint64_t refused = 0;
  };
  SpanCounts spans_before_ TANDEM_GUARDED_BY(publishing_);  // of tracers that have ended
  // No loop takes it.
  Mutex leaving_;
  Farewell farewell_step_ TANDEM_GUARDED_BY(leaving_);
  Instant last_step_ TANDEM_GUARDED_BY(leaving_);    // when that step began
  Instant empty_since_ TANDEM_GUARDED_BY(leaving_);  // clients were there until then
};

}  // namespace tandem::master
