// cluster_node.hpp: coordination by the built-in protocol: the shell around core::Node, which reads
// the clock, keeps the log on the disk, and carries messages between members. Masters and witnesses
// run the same shell; hooks of the owner apply changes of state and act on changes of role.
//
// Outputs of the core are carried out in the order that outputs.hpp demands; a message that must
// not precede a write is held until the write is on the disk (R2).
//
// Owner: the thread that runs `loop`: it calls all functions that are not marked otherwise, and all
// hooks are called on it. A hook may call step().
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/base/mutex.hpp"
#include "common/access/refusal_log.hpp"
#include "common/access/role.hpp"
#include "common/base/result.hpp"
#include "common/cluster/acknowledged.hpp"
#include "common/cluster/cluster_options.hpp"
#include "common/cluster/cluster_view.hpp"
#include "common/cluster/coordination.hpp"
#include "common/cluster/durable_log.hpp"
#include "common/cluster/peer_link.hpp"
#include "common/core/node.hpp"
#include "common/wire/cluster_envelope.hpp"

namespace tandem::cluster {

// Counts of refused messages, by reason; they only grow. Any thread.
struct ClusterRefusals {
  std::atomic<std::uint64_t> foreign{0};    // of another cluster, timing or feature level
  std::atomic<std::uint64_t> malformed{0};  // not understood, of a later format
  // Without a token that allows them, or in the name of another.
  std::atomic<std::uint64_t> unauthorized{0};
  access::RefusalLog log{"cluster message refused"};
};

// Whose envelope it is, besides what it says itself.
struct Sender {
  std::string host;                    // numeric
  std::optional<access::Role> role{};  // of its token; unset: none is asked for
  std::string secret{};                // what a witness is presented; empty: there is none
};

class ClusterNode final : public Coordination {
 public:
  // REQUIRES: options.validate() succeeds. Hooks that are not set are not called. `loop` outlives
  // it.
  ClusterNode(boost::asio::io_context& loop, ClusterOptions options, ClusterHooks hooks);

  // Opens the log. Errors: as DurableLog::open().
  Result<> open() override { return log_.open(); }
  const DurableLog& log() const { return log_; }
  core::MemberId self() const;  // REQUIRES: open() succeeded
  const core::SnapshotPointer& stored_snapshot() const override { return log_.stored_snapshot(); }

  void start(Endpoint control) override;
  void stop() override;
  void step(core::Input input) override;
  void snapshot_taken(std::uint64_t restores, LogIndex index, std::string bytes) override;
  void receive(wire::ClusterEnvelope envelope, const Sender& sender);
  void set_listen(std::string listen) override { options_.listen = std::move(listen); }
  void set_inner(std::string inner) override { options_.inner = std::move(inner); }
  void set_control(Endpoint control) override { control_ = std::move(control); }
  // Sent with each envelope, and so is what was applied.
  void set_found_out(wire::FoundOut found_out) override { found_out_ = std::move(found_out); }
  void set_applied(const wire::StateDigest& applied) override { applied_ = applied; }
  void set_differing(std::vector<std::string> names) override;
  void give_up(const Error& error) override;
  void set_feature_level(wire::FeatureLevel level) override;
  // The name of that peer was looked up: numeric addresses, not empty.
  void set_peer_addresses(const core::NodeId& peer, std::vector<Endpoint> addresses);
  // Replaces the masters of the cluster, without this one. A host may be a name; an unspecified one
  // stands for the address from which that master is heard.
  void set_masters(const std::map<core::NodeId, Endpoint>& masters);
  // What this node presents from now on.
  void set_token(std::string token);
  // Whether witnesses are presented it too: see ClusterOptions.
  void set_shares_token(bool shares) { options_.shares_token = shares; }
  // A witness that has proved who it is takes messages at `control`: there, and nowhere else, it
  // is presented `secret`.
  void set_secret(const core::NodeId& witness, const Endpoint& control, std::string secret);
  // Where a witness receives messages, from the replicated state; port 0: at none, it makes the
  // connections.
  void set_address(const core::NodeId& node, const Endpoint& control);
  // A witness has made this connection, from that host: it is sent messages there, and on no other
  // that it has made. REQUIRES: it may speak as `node`.
  void take_link(const core::NodeId& node, DetachedChannel&& connection, const std::string& host);

  // Any thread. Checks that an envelope is from this cluster and has the same timing, and that its
  // sender and this node support each other's feature levels. Errors: `conflict`.
  Result<> check(const wire::ClusterEnvelope& envelope) const;
  // Any thread.
  ClusterRefusals& refusals() const { return refusals_; }

 private:
  struct Address {
    NodeAddresses addresses;
    bool configured = false;                  // a master: envelopes do not change its address
    bool proven_master = false;               // it has presented the token of one
    std::optional<Endpoint> given{};          // ... as configured
    std::optional<wire::FeatureLevel> can{};  // according to its last envelope
    std::vector<Endpoint> resolved{};         // of a configured name
    std::string disk_failure{};               // as it reports
    std::vector<core::NodeId> unreached{};    // likewise
    std::optional<wire::StateDigest> applied{};
  };

  struct Secret {
    Endpoint control;
    std::string text;
  };

  void run_inputs();
  void carry_out();
  void send(core::Message message);
  void release_held();
  // cluster_node_links.cpp
  std::shared_ptr<PeerLink> link_to(const core::NodeId& node);
  PeerLinkOptions link_options(const core::NodeId& node, const Endpoint& address) const;
  PeerLink::Hooks link_hooks(const core::NodeId& node);
  bool votes(const core::NodeId& node) const;
  static bool is_stale(Instant asked);
  bool make_known(const core::NodeId& node);
  bool end_spare_link();
  bool make_room_for(const core::NodeId& witness);
  void accepted_link_ended(const core::NodeId& node, const PeerLink& link);
  std::string token_for(const core::NodeId& node) const;
  void follow_link(const core::NodeId& peer);
  bool is_member(const core::NodeId& node, const tls::Identity& who) const;
  bool is_master(const core::NodeId& node) const;
  void prune_links();
  void open_links();
  wire::ClusterEnvelope envelope() const;
  Result<> check_features(const wire::ClusterEnvelope& envelope) const;
  void learn_feature_level(const wire::ClusterEnvelope& envelope);
  void view_features(ClusterView& view) const;
  void plan_tick();
  // cluster_node_disk.cpp
  void disk_failed(const Error& error);
  void disk_works();
  void written(core::WriteNumber number);
  std::set<core::NodeId> unfit() const;
  void tell_of_disk();
  const std::string& disk_failure_of(const core::NodeId& node) const;
  std::vector<std::string> unreached_by(const core::NodeId& node) const;
  void disable();
  // cluster_node_denial.cpp
  bool is_from_denier(const core::Message& message);
  LogIndex denied_by(const core::MemberId& member) const;
  Result<> check_denial(const core::MemberId& member) const;
  std::string why_no_primary();
  bool is_behind(const core::Voter& voter) const;
  std::optional<wire::Standing> standing() const;
  void view_voters(ClusterView& view) const;
  void publish_view();

  boost::asio::io_context& loop_;
  ClusterOptions options_;
  ClusterHooks hooks_;
  std::unique_ptr<core::Node> node_;
  DurableLog log_;
  Endpoint control_;
  boost::asio::steady_timer tick_;
  Instant tick_due_ = Instant::forever();

  std::deque<core::Input> inputs_;
  bool running_ = false;
  bool stopped_ = false;
  core::Outputs outputs_;
  std::vector<core::Outbound> held_;
  core::WriteNumber durable_;
  std::uint64_t restores_ = 0;
  std::map<core::NodeId, Address> known_;
  std::map<core::NodeId, std::shared_ptr<PeerLink>> links_;
  // The last request for the vote of each that has no link, and its time: who connects in a moment
  // is asked then. Voters alone are asked.
  std::map<core::NodeId, std::pair<core::Message, Instant>> unasked_;
  std::map<core::NodeId, Secret> secrets_;  // of witnesses; at most limits::credentials_max
  wire::FoundOut found_out_;
  std::optional<wire::Standing> standing_;  // as the primary reported it
  core::NodeId standing_teller_;
  Instant standing_heard_ = Instant::never();
  std::optional<wire::StateDigest> applied_;
  std::vector<std::string> differing_;
  LogIndex primary_commit_;
  Instant primary_heard_ = Instant::never();
  ClusterView view_;
  core::Waiting waiting_;
  Instant waiting_since_;
  std::string failure_;       // why this node no longer takes part
  std::string disk_failure_;  // why the log cannot be written; empty while it can
  Instant disk_failed_at_;
  bool rewriting_ = false;  // the disk has been given the whole state, and has not confirmed it yet
  Acknowledged acknowledged_;
  mutable Mutex denied_mutex_;
  std::map<core::MemberId, LogIndex> denied_ TANDEM_GUARDED_BY(denied_mutex_);
  std::atomic<std::uint64_t> cluster_{0};
  std::atomic<wire::FeatureLevel> feature_level_{wire::features::oldest};
  mutable std::atomic<bool> told_outdated_{false};
  mutable ClusterRefusals refusals_;
};

}  // namespace tandem::cluster
