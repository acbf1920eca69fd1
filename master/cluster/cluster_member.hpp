// cluster_member.hpp: this master as a member of its cluster.
//
// The failover protocol runs on a thread of its own, "cluster", so that neither a burst of
// heartbeats nor a long status document delays it. What is committed is applied on the control
// loop's thread, which owns the registry. The gate and the leadership go straight to the
// forwarding loops.
//
// Owner: the control plane. Functions are called on the control loop's thread but for those that
// say otherwise.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "common/base/histogram.hpp"
#include "common/base/name_lookups.hpp"
#include "common/cluster/cluster_endpoint.hpp"
#include "common/cluster/cluster_node.hpp"
#include "common/cluster/coordination.hpp"
#include "common/storage/kept_file.hpp"
#include "master/cluster/agreement.hpp"
#include "master/cluster/proposals.hpp"
#include "master/cluster/replicated_state.hpp"
#include "master/cluster/term_announcer.hpp"
#include "master/coordinator/coordinator_spec.hpp"
#include "master/registry/leadership.hpp"
#include "master/registry/registry.hpp"
#include "master/registry/serving_gate.hpp"

namespace tandem::master {

struct ClusterMemberHooks {
  // The primary has changed, or the gate has opened. Called on the cluster's thread.
  std::function<void(LeadershipPtr)> leadership;
  // The gate has been opened or shut. Called on the cluster's thread, before any message tells
  // another master that it may lead. May be empty.
  std::function<void()> gate{};
  // Leadership is about to be given away. Called repeatedly, on the control loop's thread or on
  // that of hand_over_and_wait(), until it returns true; then the hand-over happens. May be empty.
  std::function<bool(Instant now)> farewell{};
  // The hand-over has happened, or has been given up. May be empty.
  std::function<void()> farewell_over{};
  // The view has changed. Called on the control loop's thread.
  std::function<void()> view;
  // A committed change is about to be applied to the state as it is. What this returns is called
  // once it was made, and not if it was refused. May be empty.
  ChangeWatch change{};
  // Whether every forwarding loop acts by this version of the registry's snapshot. Called on the
  // control loop's thread. Empty: there are no loops.
  std::function<bool(std::uint64_t version)> has_adopted{};
  // Fetches GET state_path from that primary; returns the body of a good answer. On the control
  // loop. Empty: a state that differs stays.
  std::function<boost::asio::awaitable<Result<std::string>>(Endpoint primary)> fetch_state{};
};

// Where a primary gives its applied state to a master whose own differs.
inline constexpr std::string_view state_path = "/cluster/state";

class ClusterMember {
 public:
  // All references outlive it. REQUIRES: options.validate()
  // With a coordinator, members do not vote: the options' peers, its directory and what belongs to
  // voting do not count.
  ClusterMember(boost::asio::io_context& control_loop, Registry& registry, ServingGate& gate,
                cluster::ClusterOptions options, ClusterMemberHooks hooks,
                std::optional<CoordinatorSpec> coordinator = {});
  ~ClusterMember();

  // Opens the log and restores the registry from it, before the control loop runs.
  Result<> open();
  // Begins to take part. A server listens at `control` already.
  void start(const Endpoint& control);
  // Where clients connect, once known. Any thread.
  void set_listen(const std::optional<Endpoint>& listen);
  // Where other masters pass requests on to this one, once known. Any thread.
  void set_inner(const Endpoint& inner);
  // Where the others reach this master from now on, as bound. On the control loop's thread.
  // REQUIRES: start() was called.
  void set_control(const Endpoint& control);
  // The files of the cluster's certificates were read again: requests are passed on over new
  // connections. Any thread.
  void renew_tls();
  // Ends its thread. Not from the control loop's thread, while that still runs or after. Forwarding
  // ends with it, or is left until the lease has ended, or the caller shuts the gate: for a process
  // that takes the place of this one as the same member.
  enum class Gate { shut, left };
  void stop(Gate gate = Gate::shut);
  // stop() has returned: nothing in the data directory is open or written any more.
  void let_directory_go() { masters_file_.reset(); }
  // On the control loop's thread: ends what waits there, so that the loop can end.
  void close();

  // ---- requests
  // Makes a change, and returns when it is committed and applied. Errors: as
  // Proposals::commit(); `unavailable` as well when this master is not the primary, and when the
  // change needs a higher feature level than the cluster has.
  boost::asio::awaitable<Result<>> commit(Change change, wire::Author by = {});
  // Hands leadership to `to`, or if that is empty to a master that the core chooses; returns when
  // another one leads. Errors: `unavailable`, with the reason.
  boost::asio::awaitable<Result<>> switch_over(std::string to);
  // If this master leads and another one could, hands over and waits until that has happened. Any
  // thread but the control loop's.
  void hand_over_and_wait();
  // A worker has promised this term. Any thread.
  void report_term(Term term);
  // Called every registry tick: once it has caught up, registers and forgets workers, and tells the
  // core which workers may be witnesses.
  void tick(Instant now);

  // Whether this master forwards while another leads, under a grant. On the control loop's thread,
  // or before start().
  void set_serves(bool serves);
  // How long it may do so without another grant; zero: it holds none. Any thread.
  Duration granted_for(Instant now) const {
    const Instant until = gate_.granted_until();
    return until > now ? until - now : Duration::zero();
  }
  // Whether it may forward, because it leads or holds a grant. Any thread.
  bool may_forward(Instant now) const { return gate_.may_forward(now).has_value(); }

  // ---- POST /cluster/messages
  Admission admit(Admission admission) const;
  boost::asio::awaitable<ControlResponse> take_messages(const ControlRequest& request);

  // POST /cluster/link: a witness makes the connection on which it is sent messages. On the control
  // loop's thread.
  ControlResponse take_link(const ControlRequest& request);

  // What it presents to other masters from now on. Any thread.
  void set_token(std::string token);
  // Whether witnesses are presented it too. On the control loop's thread.
  void set_shares_token(bool shares);
  // A worker that may be a witness has sent a heartbeat: now it can be presented a secret of its
  // own. REQUIRES: its token, if any, was issued to a witness.
  void heard_witness(const wire::Heartbeat& heartbeat, const ControlRequest& request);

  // GET state_path. Errors: `unavailable` when it may not decide.
  Result<std::string> state_to_fetch(Instant now) const;

  // ---- what it knows
  // The other masters, according to the applied state, or to the flags as long
  // as the state does not list them.
  std::map<core::NodeId, Endpoint> others() const;
  const MasterRecords& masters() const { return registry_.state().masters; }
  // The same, except that a master that is bound to all addresses (0.0.0.0) has the address from
  // which it was heard, as far as that is known. This master's own address stays as bound.
  const MasterRecords& reachable_masters() const { return reachable_; }
  // The entry of the log after which those were the masters; 0: the state does not list them yet.
  LogIndex masters_as_of() const { return masters_as_of_; }
  // With a coordinator: it takes part now.
  bool votes(std::string_view master) const;
  // This primary is about to record the masters that founded the cluster, in its first moments.
  bool is_recording_masters() const;
  // The masters of the cluster, by the state or else the flags, that do not vote yet.
  std::vector<std::string> without_vote() const;
  // This master was removed, and is no longer needed: it can be stopped.
  bool is_removed() const;
  // `master` is not a master any more, and this one has seen its removal.
  bool has_gone(const std::string& master) const;
  const cluster::ClusterView& view() const { return view_; }
  LogIndex applied() const { return state_.applied(); }
  Term applied_term() const { return state_.term(); }
  // The cluster's, according to the applied state: what may be written for all members.
  wire::FeatureLevel feature_level() const { return registry_.state().feature_level; }
  bool is_primary() const { return view_.role == core::Role::primary; }
  bool may_serve(Instant now) const { return gate_.open_at(now).has_value(); }
  // This master leads, and has applied an entry of its own term, and so everything that was
  // committed before.
  bool has_caught_up() const { return is_primary() && state_.term() == view_.term; }
  // Its state is the cluster's newest, and stays so while the lease holds, so its answers at `now`
  // are correct. The role alone proves nothing, because it is kept for a while after the lease has
  // ended.
  bool may_decide(Instant now) const {
    if (!view_.failure.empty()) return false;  // the decision could not be carried out
    const auto term = gate_.open_at(now);
    return has_caught_up() && term && *term == state_.term();
  }
  // An `unavailable` error with the reason why it may not decide. REQUIRES: a failure, or
  // !may_decide() just before
  Error undecided() const;
  // It can make no change while its failure lasts, and no other master can in its place.
  bool is_stuck() const;
  // What is wrong with it, in fixed words; empty when nothing is wrong. The view has the details.
  std::string_view failure_kind() const;
  // Whether this is a standby that could take over now: it has everything that it knows to be
  // committed, and hears the primary.
  bool is_in_sync(Instant now) const;
  // Null: members do not speak with each other, a coordinator is used.
  const cluster::ClusterRefusals* refusals() const {
    return node_ == nullptr ? nullptr : &node_->refusals();
  }
  // Until when it may forward, as far as known now. Any thread.
  Instant serve_until() const { return gate_.serve_until(); }
  // Any thread; the next two as well.
  // Null: it keeps none, a coordinator does.
  const cluster::DurableLog* log() const { return node_ == nullptr ? nullptr : &node_->log(); }
  // Elections that this master has stood for, and those that it has won.
  std::uint64_t elections_begun() const { return elections_begun_.value(); }
  std::uint64_t elections_won() const { return elections_won_.value(); }

 private:
  std::unique_ptr<cluster::Coordination> make_coordination(
      std::optional<CoordinatorSpec> coordinator);
  cluster::ClusterHooks coordination_hooks();
  // On the cluster's thread:
  void took_gate(Instant until, Term term);
  void publish_leadership();
  std::shared_ptr<const tandem::tls::WorkerTls> tls_to(const std::string& master);
  void took_grant(Instant until);
  // Posts to the cluster's thread, and to the control loop's.
  void to_coordination(core::Input input);
  template <class Function>
  void to_control(Function function);

  void look_up(const core::NodeId& peer, const Endpoint& control);
  void saw(cluster::ClusterView view);
  void apply(const std::vector<core::Entry>& entries);
  void give_up(const Error& error);
  void restore(const core::Snapshot& snapshot);
  wire::StateDigest digest() const;
  void say_applied();
  void say_differing();
  void store_healed();
  // member_grants.cpp
  void report_applied();
  boost::asio::awaitable<void> await_adoption();
  unsigned count_servers() const;
  bool is_loosening(const Change& change) const;
  boost::asio::awaitable<Result<>> await_in_force(LogIndex index);
  void mind_agreement(Instant now);
  boost::asio::awaitable<void> heal(Endpoint primary);
  void take_over(std::string_view document);
  void announce(Term term);
  void take_snapshot(std::uint64_t restores);
  void report_registered();
  void register_workers(Instant now);
  void make_secret();
  void tell_removal();
  Endpoint address_of(const std::string& name, const MasterRecord& record) const;
  void follow_masters();
  void keep_masters();
  void tend_masters();
  void list_masters();
  void raise_feature_level();
  void commit_alone(bool& under_way, Change change);
  void note_feature_level();
  Result<> check_feature_level(const Change& change) const;
  std::string command_of(const Change& change, wire::Author by) const;
  void tell_found_out(Instant now);
  boost::asio::awaitable<void> register_worker(Change change);

  boost::asio::io_context& control_loop_;
  Registry& registry_;
  ServingGate& gate_;
  const cluster::ClusterOptions options_;
  ClusterMemberHooks hooks_;
  cluster::MessageReader messages_;  // the control loop's

  // ---- the cluster's thread
  boost::asio::io_context loop_{1};
  const std::unique_ptr<cluster::Coordination> coordination_;
  cluster::ClusterNode* const node_;  // of the built-in protocol; null: a coordinator is used
  cluster::ClusterView node_view_;
  LeadershipPtr leadership_;
  std::map<std::string, std::shared_ptr<const tandem::tls::WorkerTls>> tls_to_masters_;
  wire::FoundOut told_;  // by the primary
  Instant serve_until_ = Instant::never();
  Counter elections_begun_;
  Counter elections_won_;
  std::thread thread_;

  // ---- the control loop's thread
  ReplicatedState state_;
  Agreement agreement_;
  std::vector<std::string> said_differing_;  // as known to the cluster's thread
  std::vector<core::Entry> held_;  // entries committed while the primary's state is on its way
  bool healing_ = false;
  Instant heal_again_ = Instant::never();
  std::optional<LogIndex>
      healed_;  // the index of a state that must be stored once it is committed here
  std::uint64_t restores_ = 0;  // how many the core has asked for
  Proposals proposals_;
  TermAnnouncer announcer_;
  Instant visit_again_ = Instant::never();
  cluster::ClusterView view_;
  std::map<core::NodeId, std::vector<Endpoint>> resolved_;  // peers that are configured by name
  std::uint64_t registered_digest_ = 0;
  std::pair<std::uint64_t, Term> registered_seen_{};  // the registry's changes, and the term
  Term counts_absent_in_;        // the term in which the registry was told that this master leads
  unsigned registering_ = 0;     // changes under way
  bool there_are_more_ = false;  // than were begun together
  bool awaiting_adoption_ = false;
  LogIndex applied_reported_;  // to the core
  LogIndex in_force_;          // at all masters, as known to this primary
  bool making_secret_ = false;
  bool raising_level_ = false;
  bool changing_masters_ = false;
  Endpoint control_;             // where the others reach this master, as bound
  bool told_removed_ = false;    // already logged
  std::set<std::string> gone_;   // masters whose removal this process has seen
  MasterRecords noted_masters_;  // as known to the cluster's thread
  MasterRecords reachable_;
  LogIndex masters_as_of_;
  std::pair<core::ClusterId, MasterRecords>
      kept_masters_;  // the ones that are on the disk, or are being written
  std::optional<storage::KeptFile> masters_file_;  // unset: there is no data directory
  bool shares_token_;
  // The control addresses of witnesses and the hashes of their tokens, as known to the cluster's
  // thread.
  std::map<std::string, std::pair<Endpoint, std::string>> heard_witnesses_;
  // As known to the cluster's thread.
  wire::FeatureLevel noted_level_ = wire::features::oldest;
  wire::FoundOut found_out_;  // as last sent to the standbys
  bool gave_up_ = false;      // a committed entry cannot be applied
  bool closed_ = false;

  std::atomic<bool> serves_{false};
  std::atomic<bool> leads_{false};  // for hand_over_and_wait(), both
  std::atomic<bool> has_others_{false};
  std::atomic<std::uint64_t> tokens_read_{0};  // how often
  NameLookups lookups_;                        // of peers
};

}  // namespace tandem::master
