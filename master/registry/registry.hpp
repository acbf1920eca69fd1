// registry.hpp: who the workers are, and what is known of their health.
//
// It is told what happened (a heartbeat arrived, a loop saw a refused connection, a probe ended,
// time passed, a change was committed) and publishes immutable snapshots for the forwarding loops.
// It opens no socket, reads no clock and writes no file: time is an argument, and what operators
// want comes out as a change that others have to commit. So every rule is tested without waiting.
//
// Units: `now` is tandem::now() of the call; it never goes back. Owner: the control loop's thread,
// asserted. Always: at most limits::workers_max workers; a worker whose counters say `suspect` is
// suspect here too, or a report of it is on its way; nothing changes when a call returns an error.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "common/wire/cluster_envelope.hpp"
#include "common/wire/heartbeat.hpp"
#include "common/wire/status.hpp"
#include "common/wire/worker_spec.hpp"
#include "master/registry/attentive_clock.hpp"
#include "master/registry/cluster_state.hpp"
#include "master/registry/failure_kind.hpp"
#include "master/registry/limits.hpp"
#include "master/registry/owning_thread.hpp"
#include "master/registry/service_table.hpp"
#include "master/registry/snapshot.hpp"
#include "master/registry/worker_record.hpp"

namespace tandem::master {

struct RegistryOptions {
  Duration heartbeat_interval = 1s;  // what workers are told; 3 of them missed make a worker down
  Duration forget_after = limits::forget_after;  // how long a Tandem worker stays listed while down

  // How often tick() is to be called: often enough that "3 missed intervals" is 3.2 at most.
  Duration tick_interval() const;
};

struct RegistryHooks {
  // Gets each snapshot. Called by publish().
  std::function<void(SnapshotPtr)> on_snapshot;
  // Something changed: call publish() in the next loop turn. Called once per publication, so that
  // any number of changes in one turn becomes one snapshot.
  std::function<void()> on_change;
  // This backend wants probes, and so does a worker that others registered and this master has not
  // heard, and one whose service wants them, until probe_target() says no more. Called again when
  // it is to be probed otherwise.
  std::function<void(WorkerId)> on_backend;
};

// Whether the sender of a heartbeat is a worker of this cluster after it.
enum class Membership {
  registered,
  left,     // said bye
  removed,  // an operator removed it: it is to heartbeat no more
};

// A worker that refuses lower terms.
struct TermTaker {
  Endpoint address;
  std::string key;  // proves a term to it

  friend bool operator==(const TermTaker&, const TermTaker&) = default;
};

class Registry {
 public:
  // REQUIRES: on_snapshot and on_change are set; the other hooks may be empty.
  Registry(RegistryOptions options, RegistryHooks hooks);

  // All functions are for the owner's thread.

  // ---- what workers say

  // `peer_host`: the numeric address it came from. The first heartbeat of a worker registers it.
  // Errors: `conflict` when another live worker has the name, or a backend has the address;
  // `unavailable` at workers_max, services_max. Others that were registered at the address are
  // erased.
  Result<Membership> heartbeat(const wire::Heartbeat& heartbeat, std::string_view peer_host,
                               Instant now);

  // ---- what this master sees

  // A forwarding loop failed at this worker, and has set its counters->suspect.
  void report_failure(WorkerId id, FailureKind kind, Instant now);
  // A health probe ended: nothing = good. A refused connection makes the worker suspect at once,
  // HealthCheck::unhealthy failures in a row make it down.
  void probe_result(WorkerId id, std::optional<ProbeFailure> failure, Instant now);
  // Where to probe, and how; empty when the worker was removed, or is to be probed no more.
  struct Probe {
    std::vector<Endpoint> addresses;  // to try in turn, all numeric; not empty
    HealthCheck check;
    // Not empty: the worker is silent, and is asked to answer a challenge by its key, in place of
    // the check (common/wire/term_proof.hpp).
    std::string key;
  };
  std::optional<Probe> probe_target(WorkerId id) const;
  // A probe was accepted at this one of its addresses, which is its address from now on. Returns
  // its id, another one if the address changed. REQUIRES: probe_target(id) had it
  WorkerId found_at(WorkerId id, const Endpoint& address);
  // The name of a --backend was looked up. While it cannot be resolved, the addresses that are
  // known stay; without any the backend is down.
  void take_addresses(std::string_view name, const Result<std::vector<Endpoint>>& found);
  // Every tick_interval(): finds workers that fell silent, forgets those that are down for long,
  // and sees which services panic and, at times, which workers fail more often than the others.
  void tick(Instant now);

  // ---- what is replicated (registry_decisions.cpp)

  // An operator's decision, as the change that has to be committed, also when it seems to be in
  // force already: only a commit proves that it still is. Errors: `not_found`, `conflict`,
  // `unavailable` at a limit.
  Result<Change> add(const wire::WorkerSpec& spec) const;
  // A worker that heartbeats is told that it was removed, and comes back as another incarnation
  // only: when it was started again.
  Result<Change> remove(std::string_view name) const;
  Result<Change> drain(std::string_view name) const;
  Result<Change> undrain(std::string_view name) const;
  // An empty weight gives the worker back its own. REQUIRES: *weight <= limits::weight_max
  Result<Change> set_weight(std::string_view name, std::optional<unsigned> weight) const;
  // Errors: `conflict` when --route has it; `unavailable` at limits::routes_max and at
  // limits::routes_bytes_max; `not_found`.
  Result<Change> set_route(const wire::Route& route) const;
  Result<Change> remove_route(const std::string& host, const std::string& prefix) const;
  // --route, which takes precedence over what is replicated. Errors: `conflict` when it is given
  // twice.
  Result<> configure_route(const wire::Route& route);
  // Replaces all settings of a service. Errors: `conflict` when --service has some for it;
  // `unavailable` at limits::services_max; `not_found`.
  Result<Change> set_settings(const std::string& service,
                              const wire::ServiceSettings& settings) const;
  Result<Change> remove_settings(const std::string& service) const;
  // --service, which takes precedence over what is replicated.
  void configure_settings(const std::string& service, const wire::ServiceSettings& settings);
  // The settings of the service; empty where there are none.
  wire::ServiceSettings settings(std::string_view service) const;
  // Those of them for health checks, as wire::HeartbeatReply::checks has them.
  std::string checks(std::string_view service) const;
  // All there are, with those of --route first in their places.
  Routes routes() const;
  // What the primary has to commit so that the state says who is registered: live workers that
  // joined or changed; and workers that left, which said so, lost their address to another one, or
  // have been absent for forget_after since this master began to lead. At most `changes_max`.
  std::vector<Change> unregistered(Instant now, std::size_t changes_max);
  // What has to be committed before this decision can be, which is about a worker that is heard and
  // has not been registered yet; nothing, if it is about others.
  std::optional<Change> registration_due(const Change& decision) const;
  // A change was committed. Returns what its author is told (ClusterState::apply()). An added
  // worker whose name a --backend has is left out.
  Result<> apply(const Change& change, Instant now);
  // The state as a whole, at the start or from a snapshot: what contradicts it goes.
  void restore(ClusterState state, Instant now);
  const ClusterState& state() const { return state_; }
  // --backend. One at a host name is down until take_addresses(). Errors: `conflict` when the name
  // is taken; `unavailable` at a limit.
  Result<> configure_backend(const wire::WorkerSpec& spec, Instant now);

  // ---- what others see

  // Hands a snapshot to on_snapshot when something changed since the last one, and always the first
  // time.
  void publish();
  // Of the snapshot that shows all that has changed so far; nothing while that is not published.
  std::optional<std::uint64_t> published_version() const;
  std::vector<wire::WorkerStatus> workers(Instant now) const;  // by name
  std::optional<wire::WorkerStatus> worker(std::string_view name, Instant now) const;
  // Each with the instances that get traffic now.
  std::vector<wire::ServiceInstances> services(Instant now) const;
  std::optional<wire::ServiceInstances> service(std::string_view name, Instant now) const;

  // By name, as of the last tick.
  std::vector<wire::ServiceHealth> service_health() const;

  // Who is ejected now and which services panic: what a primary tells its standbys.
  wire::FoundOut found_out(Instant now) const;
  // The primary says so; all others are not ejected. REQUIRES: this master does not lead.
  void take_found_out(const wire::FoundOut& found_out, Instant now);
  // This master leads, and has applied all that was committed before: what it was told of panics is
  // of the past, and from now on it counts who is absent.
  void began_to_lead(Instant now);
  // Where a new primary announces its term, and the key that proves it there: the Tandem workers
  // that are heard of.
  std::vector<TermTaker> term_takers() const;
  // The key of the worker of that name (term_proof.hpp); empty: there is none, or none yet.
  std::string_view term_key(std::string_view name) const;
  // True for a worker that is heard of, whether or not it gets traffic.
  bool is_live(std::string_view name) const;
  // Where live workers say that their witnesses listen, by name. The state may not be known yet, or
  // hold what was so in an earlier process, and cannot be corrected while there is no quorum.
  std::map<std::string, Endpoint> live_witnesses() const;

  const RegistryOptions& options() const { return options_; }
  // See OwningThread: the next caller's thread becomes the owner.
  void hand_over() { thread_.hand_over(); }

 private:
  using Records = std::map<std::string, WorkerRecord, std::less<>>;

  Result<> check_room(std::string_view service) const;
  Result<> check_name_is_free(const WorkerRecord& holder, const wire::Heartbeat& heartbeat,
                              const Endpoint& address, Instant attentive) const;
  Result<Membership> join(const wire::Heartbeat& heartbeat, Endpoint address,
                          std::string_view peer_host, Instant attentive, Instant now);
  void refresh(WorkerRecord& record, const wire::Heartbeat& heartbeat, std::string_view peer_host,
               Instant attentive, Instant now);
  void good_sign(WorkerRecord& record, Instant attentive, Instant now);
  void challenged(WorkerRecord& record, std::optional<ProbeFailure> failure, Instant attentive,
                  Instant now);
  bool give_keys(WorkerRecord& record) const;
  void secret_changed();
  void fail_worker(WorkerRecord& record, FailureKind kind, Instant attentive, Instant now);
  static void end_suspicion(WorkerRecord& record, Instant attentive);
  static void note_load(WorkerRecord& record, unsigned in_flight);
  HealthCheck check_of(std::string_view service) const;
  void check_otherwise(const std::string& service, const HealthCheck& before);
  void find_outliers(Instant now);
  void eject_outliers(const std::string& service, const ServiceTable::Members& members,
                      double factor, Instant now);
  bool panics(std::string_view service) const;
  wire::ServiceInstances instances_of(const std::string& name, const ServiceTable::Members& members,
                                      Instant now) const;
  bool is_forgotten(const WorkerRecord& record, Instant attentive) const;
  bool has_gone(const std::string& name, const JoinedWorker& worker, Instant attentive) const;

  // ---- registry_addresses.cpp
  static Endpoint canonical(const Endpoint& address);
  static bool is_heard(const WorkerRecord& record);
  std::vector<WorkerRecord*> others_at(const Endpoint& address, std::string_view name) const;
  Result<> check_address_is_free(const wire::Heartbeat& heartbeat, const Endpoint& address) const;
  Result<> check_address_is_free(const wire::WorkerSpec& spec) const;
  std::vector<std::string> retire_others_at(const Endpoint& address, std::string_view name);
  void note_address(WorkerRecord& record);
  void forget_address(const WorkerRecord& record);

  WorkerRecord& insert(WorkerRecord record);
  void erase(Records::iterator place);
  Result<> insert_backend(const wire::WorkerSpec& spec, WorkerKind kind, Instant now);
  void insert_added(const wire::WorkerSpec& spec, Instant now);
  void insert_joined(const std::string& name, const JoinedWorker& worker, Instant now);
  static Error name_taken(const WorkerRecord& holder);
  bool is_configured(std::string_view name) const;
  void follow(const std::string& name, bool had_joined, Instant now);
  void follow_again(const std::vector<std::string>& silent, Instant now);
  bool may_stay(const WorkerRecord& record, bool had_joined) const;
  static bool is_added_as(const WorkerRecord& record, const wire::WorkerSpec& spec);
  static bool is_described_by(const WorkerRecord& record, const JoinedWorker& joined);
  bool is_joined_as(const WorkerRecord& record, const JoinedWorker& joined) const;
  void leave_out(const std::string& name, const Error& why);
  bool was_removed(const WorkerRecord& record) const;
  void apply_decisions(WorkerRecord& record) const;
  void settle_decisions(WorkerRecord& record);

  // What snapshots show of the record changed / the list of workers changed.
  void mark_changed(WorkerRecord& record);
  void routes_changed();
  void settings_changed(const std::string& service);
  void route_changed(const RouteKey& key);
  void request_publication();
  // Around each change to a record: `before = standing(record)`, the change, `settle(record,
  // before)`. Publishes it when it gains or loses its traffic, or the prospect of it, and logs a
  // change of state.
  struct Standing {
    WorkerState state;
    bool gets_traffic;
    bool may_return;
  };
  static Standing standing(const WorkerRecord& record);
  void settle(WorkerRecord& record, Standing before);

  RegistryOptions options_;
  RegistryHooks hooks_;
  OwningThread thread_;
  AttentiveClock clock_;
  Records records_;
  std::unordered_map<WorkerId, WorkerRecord*> by_id_;
  std::multimap<Endpoint, WorkerRecord*> by_address_;  // canonical; all of records_
  ServiceTable services_;
  ClusterState state_;
  std::set<std::string> left_out_;  // of the state, for want of room or at another's address
  Routes configured_routes_;
  Settings configured_settings_;
  std::set<std::string, std::less<>> told_panicking_;  // services, by the primary
  Instant leads_since_ = Instant::never();             // attentive time
  Instant outliers_looked_for_ = Instant::never();
  std::string via_;       // of the masters of this cluster; empty: no secret yet
  RouteTablePtr routes_;  // null until the next snapshot when most of it is new
  WorkerId last_id_;
  std::uint64_t version_ = 0;
  bool publication_wanted_ = false;
};

}  // namespace tandem::master
