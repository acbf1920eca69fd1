// registry.hpp: who the workers are, and what is known about their health.
//
// It is told about events (a heartbeat arrived, a loop saw a refused connection, a probe ended,
// time passed, a change was committed) and publishes immutable snapshots for the forwarding loops.
// It opens no socket, reads no clock and writes no file: time is an argument, and an operator's
// decision is returned as a change that its caller has to commit. So every rule can be tested
// without waiting.
//
// Units: `now` is tandem::now() at the time of the call; it never goes back. Owner: the control
// loop's thread, asserted. Always: at most limits::workers_max workers; a worker whose counters say
// `suspect` is suspect here too, or a report of it is on its way; nothing changes when a call
// returns an error.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "common/tls/credentials.hpp"
#include "common/wire/cluster_envelope.hpp"
#include "common/wire/heartbeat.hpp"
#include "common/wire/repeated_heartbeat.hpp"
#include "common/wire/status.hpp"
#include "common/wire/worker_spec.hpp"
#include "master/registry/attentive_clock.hpp"
#include "master/registry/cluster_state.hpp"
#include "master/registry/failure_kind.hpp"
#include "master/registry/check_counts.hpp"
#include "master/registry/limits.hpp"
#include "master/registry/owning_thread.hpp"
#include "master/registry/service_table.hpp"
#include "master/registry/snapshot.hpp"
#include "master/registry/worker_record.hpp"

namespace tandem::master {

struct RegistryOptions {
  Duration heartbeat_interval =
      1s;  // workers are told this; a worker that misses 3 of them is down
  Duration forget_after = limits::forget_after;  // how long a Tandem worker stays listed while down

  // How often to call tick(): often enough that "3 missed intervals" are 3.2 at most.
  Duration tick_interval() const;
};

struct RegistryHooks {
  // Takes each snapshot. Called by publish().
  std::function<void(SnapshotPtr)> on_snapshot;
  // Something changed: call publish() in the next loop turn. Called once per publication, so that
  // any number of changes in one turn becomes one snapshot.
  std::function<void()> on_change;
  // A worker must be probed until probe_target() is empty: a backend, a worker that was registered
  // at another master and not heard by this one, or one whose service has check_workers. Called
  // again when its check has changed.
  std::function<void(WorkerId)> on_backend;
  // The state of a worker has changed; `before`: what it was.
  std::function<void(const WorkerRecord&, WorkerState before)> on_state{};
};

// The state of the sender of a heartbeat.
enum class Membership {
  registered,
  left,     // said bye
  removed,  // an operator removed it: it must stop its heartbeats
};

// A worker that refuses lower terms.
struct TermTaker {
  Endpoint address;
  std::string key;  // proves a term to it
  wire::WorkerProtocol protocol = wire::WorkerProtocol::http1;
  std::shared_ptr<const tandem::tls::WorkerTls> tls{};  // null: in clear
  bool announced = false;                               // as in Probe

  friend bool operator==(const TermTaker&, const TermTaker&) = default;
};

// Asked where no route leads to another one.
inline constexpr std::string_view default_service = "default";

class Registry {
 public:
  // REQUIRES: on_snapshot and on_change are set; the other hooks may be empty.
  Registry(RegistryOptions options, RegistryHooks hooks);

  // All functions are for the owner's thread.

  // ---- reports from workers

  // `peer_host`: the numeric address it came from. The first heartbeat of a worker registers it.
  // Errors: `conflict` when another live worker has the name, or a backend has the address;
  // `unavailable` at workers_max, services_max. Other workers that were registered at the address
  // are erased.
  Result<Membership> heartbeat(const wire::Heartbeat& heartbeat, std::string_view peer_host,
                               Instant now);

  // The heartbeat that was just taken may be repeated by its number.
  void keep(std::string_view name, KeptDocument document);
  // The worker, if it repeats what was kept, and is the same sender; null: it
  // has to send all of it. It was heard, then. `reply`: the version of the reply that it would be
  // given now; is_news: it has not been given that yet, and is taken to be given it.
  struct Repetition {
    const WorkerRecord* worker = nullptr;
    bool is_news = false;
  };
  struct Sender {  // as in KeptDocument
    const void* caller = nullptr;
    std::string_view host;
    std::uint64_t admissions = 0;
  };
  Repetition repeat(const wire::RepeatedHeartbeat& heartbeat, const Sender& sender,
                    std::uint64_t reply, Instant now);

  // ---- observations of this master

  // A forwarding loop failed at this worker, and has set its counters->suspect.
  void report_failure(WorkerId id, FailureKind kind, Instant now);
  // A health probe ended; no failure: it was good. A refused connection makes the worker suspect at
  // once, HealthCheck::unhealthy failures in a row make it down.
  void probe_result(WorkerId id, std::optional<ProbeFailure> failure, Instant now);
  // Where to probe, and how; nothing when the worker was removed or needs no more probes.
  struct Probe {
    std::vector<Endpoint> addresses;  // to try in turn, all numeric; not empty
    HealthCheck check;
    wire::WorkerProtocol protocol;  // that it is asked in, unless the check is one of gRPC
    // If not empty, the worker is silent, and must answer a challenge with this key in place of the
    // check (common/wire/term_proof.hpp).
    std::string key{};
    std::shared_ptr<const tandem::tls::WorkerTls> tls{};  // null: in clear
    bool announced = false;  // it wants to hear first whose connection it is
  };
  std::optional<Probe> probe_target(WorkerId id) const;
  // A probe was accepted at `address`, one of the backend's addresses, which is used from now on.
  // Returns the backend's id, which is a new one if the address changed. REQUIRES: probe_target(id)
  // had the address
  WorkerId found_at(WorkerId id, const Endpoint& address);
  // The host name of a --backend was looked up. While it cannot be resolved, the known addresses
  // stay; without any the backend is down.
  void take_addresses(std::string_view name, const Result<std::vector<Endpoint>>& found);
  // Called every tick_interval(): finds workers that fell silent, forgets those that have been down
  // for long, updates which services panic, and at intervals ejects workers that fail more often
  // than the others.
  void tick(Instant now);

  // ---- what is replicated (registry_decisions.cpp)

  // An operator's decision, as the change that has to be committed, even if it seems to be in force
  // already: only a commit proves that it still is. Errors: `not_found`, `conflict`, `unavailable`
  // at a limit.
  Result<Change> add(const wire::WorkerSpec& spec) const;
  // A worker that heartbeats is told that it was removed. It can only come back as another
  // incarnation, after a restart.
  Result<Change> remove(std::string_view name) const;
  Result<Change> drain(std::string_view name) const;
  Result<Change> undrain(std::string_view name) const;
  // An empty weight restores the worker's own. REQUIRES: *weight <= limits::weight_max
  Result<Change> set_weight(std::string_view name, std::optional<unsigned> weight) const;
  // Errors: `conflict` when a --route has it; `unavailable` at limits::routes_max and at
  // limits::routes_bytes_max; `not_found`.
  Result<Change> set_route(const wire::Route& route) const;
  Result<Change> remove_route(const std::string& host, const std::string& prefix) const;
  // Replaces all settings of a service. Errors: `conflict` when --service has settings for it;
  // `unavailable` at limits::services_max; `not_found`.
  Result<Change> set_settings(const std::string& service,
                              const wire::ServiceSettings& settings) const;
  Result<Change> remove_settings(const std::string& service) const;
  // The settings of the service, which may all be unset.
  wire::ServiceSettings settings(std::string_view service) const;
  // Its settings for health checks, in the form of wire::HeartbeatReply::checks.
  std::string checks(std::string_view service) const;
  // All routes in force; those of --route take precedence over others with the same host and
  // prefix.
  Routes routes() const;
  // The changes that the primary has to commit so that the state lists the registered workers: live
  // workers that joined or changed, and workers that left, i.e. said bye, lost their address to
  // another one, or have been absent for forget_after since this master began to lead. At most
  // `changes_max`.
  std::vector<Change> unregistered(Instant now, std::size_t changes_max);
  // The registration that has to be committed before this decision, if it is about a worker that is
  // heard but not registered yet; otherwise nothing.
  std::optional<Change> registration_due(const Change& decision) const;
  // A change was committed. Returns the result for its author (ClusterState::apply()). An added
  // worker with the name of a --backend is left out.
  Result<> apply(const Change& change, Instant now);
  // Replaces the whole state, at the start or from a snapshot; records that contradict it are
  // removed.
  void restore(ClusterState state, Instant now);
  const ClusterState& state() const { return state_; }
  // --backend. One with a host name is down until take_addresses(). Errors: `conflict` when the
  // name is taken; `unavailable` at a limit.
  Result<> configure_backend(const wire::WorkerSpec& spec, Instant now);

  // ---- what is configured anew (registry_configuration.cpp)

  // What --backend, --route and --service say; it takes precedence over what is replicated.
  struct Configured {
    std::vector<wire::WorkerSpec> backends;  // as for configure_backend()
    std::vector<wire::Route> routes;
    std::map<std::string, wire::ServiceSettings> services;
  };
  // Replaces what was configured; what is as it was is not touched, so that a backend keeps its
  // health. Errors: `invalid`, naming the flag: a name or an address that another worker has, a
  // route that is given twice, a limit; nothing has changed then.
  Result<> reconfigure(const Configured& configured, Instant now);
  // Whether it will do. Errors: as its.
  Result<> check_configured(const Configured& configured) const;
  // From the next tick on.
  void set_forget_after(Duration forget_after) { options_.forget_after = forget_after; }
  // What workers are told from now on. A shorter one counts against them once each has had the time
  // to hear of it.
  void set_heartbeat_interval(Duration interval, Instant now);

  // ---- what registries of others list (registry_discovered.cpp)

  using Discovered = std::map<std::string, wire::WorkerSpec, std::less<>>;  // by name
  // Replaces what was listed: what is as it was is not touched. Those at an address that an
  // operator has given, or whose worker is heard, are left out as long as that is so. REQUIRES:
  // their addresses are numeric.
  void discover(Discovered listed, Instant now);
  // Why some of them are no workers, by name.
  const std::map<std::string, std::string, std::less<>>& undiscovered() const {
    return undiscovered_;
  }

  // ---- views for others

  // Hands a snapshot to on_snapshot when something changed since the last one, and always the first
  // time.
  void publish();
  // The version of the published snapshot if it shows all changes so far; otherwise nothing.
  std::optional<std::uint64_t> published_version() const;
  // So many masters serve clients, and share what is allowed in all.
  void set_sharers(unsigned sharers);
  std::vector<wire::WorkerStatus> workers(Instant now) const;  // by name
  // At most `most` of them, those behind `name`; empty: from the first on.
  std::vector<wire::WorkerStatus> workers_after(std::string_view name, std::size_t most,
                                                Instant now) const;
  std::optional<wire::WorkerStatus> worker(std::string_view name, Instant now) const;
  // Each with the instances that get traffic now.
  std::vector<wire::ServiceInstances> services(Instant now) const;
  std::optional<wire::ServiceInstances> service(std::string_view name, Instant now) const;

  // By name, as of the last tick.
  std::vector<wire::ServiceHealth> service_health() const;
  // That the loops have open, idle ones included: by service.
  std::map<std::string, std::uint64_t> worker_connections() const;
  const CheckCounts& check_counts() const { return check_counts_; }

  // Grows whenever the state has changed, or which workers are heard, or what they are registered
  // as.
  std::uint64_t changes() const { return changes_; }

  // The workers that are ejected now and the services that panic, which a primary tells its
  // standbys.
  wire::FoundOut found_out(Instant now);
  // Takes that from the primary; all other workers are not ejected. REQUIRES: this master does not
  // lead.
  void take_found_out(const wire::FoundOut& found_out, Instant now);
  // This master leads, and has applied everything that was committed before: the panics that it was
  // told of are outdated, and from now on the absence of workers counts.
  void began_to_lead(Instant now);
  // The live Tandem workers, to which a new primary announces its term, with the keys that prove
  // it.
  std::vector<TermTaker> term_takers() const;
  // The key of the worker of that name (term_proof.hpp); empty: there is none yet, or no such
  // worker.
  std::string_view term_key(std::string_view name) const;
  // True for a live worker, whether or not it gets traffic.
  bool is_live(std::string_view name) const;
  // The addresses at which the witnesses of live workers listen, by name, as their heartbeats
  // state. The replicated state may be unknown yet or outdated, and cannot be corrected while there
  // is no quorum.
  std::map<std::string, Endpoint> live_witnesses() const;

  // Workers that say so are spoken to over TLS, with these, and are who their certificates say.
  // Others are registered at loopback addresses alone, or where the settings of their service say
  // what goes to it (upstream_tls), unless `others` allows them. Before all else.
  enum class ClearWorkers { allowed, refused };
  void use_certificates(tandem::tls::CurrentCredentialsPtr credentials, ClearWorkers others);
  // That worker, which was just heard, has shown this certificate.
  void note_certificate(std::string_view name, const tandem::tls::Peer& shown,
                        tandem::tls::WallTime today);
  // The files have been read again: those whose certificate counts no more are down at once.
  void judge_certificates(tandem::tls::WallTime today);
  const RegistryOptions& options() const { return options_; }
  // Reads the files of TLS with workers again: connections that begin from now on go by them.
  void reload_tls();
  // See OwningThread: the next caller's thread becomes the owner.
  void hand_over() { thread_.hand_over(); }

 private:
  using Records = std::map<std::string, WorkerRecord, std::less<>>;

  Result<> check_room(std::string_view service) const;
  wire::WorkerStatus shown(const WorkerRecord& record, Instant now) const;
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
  wire::WorkerProtocol spoken_to(std::string_view service) const;
  void check_otherwise(const std::string& service, const HealthCheck& before);
  void find_outliers(Instant now);
  void eject_outliers(const std::string& service, const ServiceTable::Members& members,
                      double factor, Instant now);
  bool panics(std::string_view service) const;
  wire::ServiceInstances instances_of(const std::string& name, const ServiceTable::Members& members,
                                      Instant now) const;
  bool is_forgotten(const WorkerRecord& record, Instant attentive) const;
  void review_later(const WorkerRecord& record);
  std::vector<std::string> find_silent(Instant attentive, Duration interval);
  Duration interval_expected(Instant now) const;
  void note(const std::string& name);
  void note_all();
  bool is_settled(const std::string& name, Instant attentive, std::optional<Change>& due) const;
  void forget_documents(const ServiceTable::Members& members);
  void look_for_ejected();
  bool has_gone(const std::string& name, const JoinedWorker& worker, Instant attentive) const;

  // ---- registry_tls.cpp
  void secure(WorkerRecord& record) const;
  std::shared_ptr<const tandem::tls::WorkerTls> tls_with(const WorkerRecord& record) const;
  bool may_be_clear(std::string_view service, const Endpoint& address) const;
  Result<> check_speakers(const std::string& service, const wire::ServiceSettings& settings) const;
  // A conflict when it is to be told whose connections it gets, and speaks HTTP/2.
  Result<> check_takes_clients(const wire::Heartbeat& heartbeat) const;
  bool announces_clients(std::string_view service) const;
  Result<> check_is_secure(const wire::Heartbeat& heartbeat, const Endpoint& address) const;

  static Error would_be_clear(std::string_view name, const Endpoint& address);

  // ---- registry_discovered.cpp
  static bool makes_way(const WorkerRecord& record) {
    return record.kind == WorkerKind::discovered;
  }
  WorkerRecord* discovered(std::string_view name);
  Result<> take_discovered(const wire::WorkerSpec& spec, Instant now);
  void update(WorkerRecord& record, const wire::WorkerSpec& spec);
  void note_displaced(const WorkerRecord& record);
  void discover_again(Instant now);

  // ---- registry_addresses.cpp
  static Error belongs_to(const WorkerRecord& holder);
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
  bool is_configured_as(const wire::WorkerSpec& spec) const;
  bool is_configured(std::string_view name) const;
  void follow(const std::string& name, bool had_joined, Instant now);
  void follow_again(const std::vector<std::string>& silent, Instant now);
  bool may_stay(const WorkerRecord& record, bool had_joined) const;
  static bool is_added_as(const WorkerRecord& record, const wire::WorkerSpec& spec);
  // What is told of its offer, as far as members at the level of `state` may be told.
  static std::optional<wire::WitnessOffer> offer_told(const WorkerRecord& record,
                                                      const ClusterState& state);
  bool is_described_by(const WorkerRecord& record, const JoinedWorker& joined) const;
  bool is_joined_as(const WorkerRecord& record, const JoinedWorker& joined) const;
  void leave_out(const std::string& name, const Error& why);
  bool was_removed(const WorkerRecord& record) const;
  void apply_decisions(WorkerRecord& record) const;
  void settle_decisions(WorkerRecord& record);

  // What snapshots show of the record changed / the list of workers changed.
  void mark_changed(WorkerRecord& record);
  void routes_changed();
  void settings_changed(const std::string& service);
  void secure_workers(const std::string& service, const wire::ServiceSettings& settings, bool anew);
  void route_changed(const RouteKey& key);
  void request_publication();
  // Called around each change to a record: `before = standing(record)`, the change, `settle(record,
  // before)`. Publishes the worker when it gains or loses traffic, or the prospect of it, and logs
  // a change of state.
  struct Standing {
    WorkerState state;
    bool gets_traffic;
    bool may_return;
  };
  static Standing standing(const WorkerRecord& record);
  void settle(WorkerRecord& record, Standing before);
  // Tells of the state that people are told, if that has changed.
  void tell_state(WorkerRecord& record);
  void review_refusals_of_tls();

  RegistryOptions options_;
  Duration earlier_interval_{0};  // of heartbeats, and until when workers may go by it
  Instant earlier_until_;
  RegistryHooks hooks_;
  OwningThread thread_;
  AttentiveClock clock_;
  Records records_;
  std::unordered_map<WorkerId, WorkerRecord*> by_id_;
  std::set<WorkerId> refusing_tls_;  // and perhaps some that do so no more
  std::unordered_map<std::string_view, WorkerRecord*> by_name_;  // all of records_
  // When to look at each Tandem worker again, the earliest first: one entry for each, and maybe
  // some of workers that have gone. So that time passes costs nothing for workers that are heard.
  struct Review {
    Instant due;
    WorkerId id;
    friend auto operator<=>(const Review&, const Review&) = default;
  };
  std::priority_queue<Review, std::vector<Review>, std::greater<>> reviews_;
  // Workers that may have to be registered, or to leave: all others are as the state says.
  std::set<std::string> unsettled_;
  std::uint64_t changes_ = 0;
  std::set<std::string, std::less<>> ejected_;  // the workers that were, when last looked for
  std::uint64_t ejections_seen_ = 0;            // ejections_ever() then
  std::multimap<Endpoint, WorkerRecord*> by_address_;  // canonical; all of records_
  ServiceTable services_;
  ClusterState state_;
  bool default_is_gone_ = false;  // workers of the default service were forgotten, since one joined
  std::set<std::string> left_out_;  // workers of the state that are not in records_, for lack of
                                    // room or because another has the address
  Routes configured_routes_;
  Settings configured_settings_;
  std::map<std::string, wire::WorkerSpec, std::less<>> configured_backends_;
  Discovered discovered_;
  std::map<std::string, std::string, std::less<>> undiscovered_;  // those of them without a record
  Instant discovered_again_ = Instant();
  std::set<std::string, std::less<>>
      told_panicking_;  // the services that panic according to the primary
  CheckCounts check_counts_;
  Instant leads_since_ = Instant::never();  // attentive time
  Instant outliers_looked_for_ = Instant::never();
  tandem::tls::CurrentCredentialsPtr credentials_;  // null: none
  ClearWorkers clear_workers_ = ClearWorkers::allowed;
  std::string via_;       // the name in Via of this cluster's masters; empty: no secret yet
  RouteTablePtr routes_;  // null until the next snapshot when most of it is new
  WorkerId last_id_;
  std::uint64_t version_ = 0;
  bool publication_wanted_ = false;
};

}  // namespace tandem::master
