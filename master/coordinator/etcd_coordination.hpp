// etcd_coordination.hpp: coordination by etcd: masters none of which votes, and no witnesses.
//
// Who leads is who has created the key "leader" with a lease: its term is the revision at which
// the key was created, so a later leader has a higher one. The order of changes is that of the keys
// "changes/N": each is created by a transaction that compares the leader's key, too. A transaction
// whose answer was lost is looked up: nothing is written twice, and nothing is said to be unchanged
// that may still change.
//
// A primary forwards until the time at which it SENT the last question that renewed its lease, plus
// what that lasts. When etcd answers nobody, nobody can take the lead, and the primary forwards on,
// for as long as it asks in vain again and again; it never does so because of its own silence: who
// was frozen asks first. A primary that is cut off from an etcd that others reach is fenced by its
// workers (R10).
//
// Owner: the thread that runs `loop`, as Coordination says. Always: an entry is handed to `apply`
// once, in the order of its index, and when etcd has answered that it is there.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/cluster/cluster_options.hpp"
#include "common/cluster/coordination.hpp"
#include "master/coordinator/coordinator_look.hpp"
#include "master/coordinator/coordinator_spec.hpp"
#include "master/coordinator/documents.hpp"
#include "master/coordinator/etcd_client.hpp"

namespace tandem::master {

// The time of day, for people.
std::string coordinator_clock();

class EtcdCoordination final : public cluster::Coordination {
 public:
  // `loop` outlives it. Hooks that are not set are not called.
  EtcdCoordination(boost::asio::io_context& loop, CoordinatorSpec spec,
                   cluster::ClusterOptions options, cluster::ClusterHooks hooks);

  Result<> open() override { return {}; }
  const core::SnapshotPointer& stored_snapshot() const override { return no_snapshot_; }
  void start(Endpoint control) override;
  void stop() override;
  void step(core::Input input) override;
  void snapshot_taken(std::uint64_t restores, LogIndex index, std::string bytes) override;
  void set_listen(std::string listen) override;
  void set_inner(std::string inner) override;
  void set_control(Endpoint control) override;
  void set_found_out(wire::FoundOut) override {}
  void set_applied(const wire::StateDigest&) override {}
  void set_differing(std::vector<std::string>) override {}
  void set_feature_level(wire::FeatureLevel) override {}
  void give_up(const Error& error) override;

 private:
  template <class Value>
  using Awaitable = boost::asio::awaitable<Value>;

  struct Round;  // of questions that renew the lease
  struct Since {
    Instant at;
    std::string clock;  // for people
    std::string what;
  };

  bool leads() const { return role_ == core::Role::primary; }
  bool is_over() const { return stopped_ || !failure_.empty(); }
  Awaitable<void> sleep(Duration time);
  void spawn(Awaitable<void> task);
  void refresh_gate();
  // etcd_lease.cpp
  Awaitable<void> keep_lease();
  Awaitable<bool> obtain_lease();
  Awaitable<void> renew_lease();
  Awaitable<void> ask_to_renew(std::shared_ptr<Round> round, EtcdClient& client,
                               std::uint64_t lease, Duration answer_max);
  void renewed(Instant sent, Duration ttl);
  void lease_lost();
  void reached();
  void unreached(const std::string& why);
  void go_on_without();
  // etcd_refusals.cpp
  Awaitable<void> try_writing();
  void note_failure(const Error& error);
  void note_unread(const Error& error);
  void refused(const std::string& why);
  void allowed();
  // etcd_loss.cpp
  std::string why_lost(const CoordinatorLook& look) const;
  void note_loss(CoordinatorLook look);
  bool is_lasting(const CoordinatorLook::Leader& leader);
  // etcd_following.cpp
  Awaitable<void> follow();
  Awaitable<void> await_news();
  Awaitable<void> watch();
  void look_soon();
  EtcdTxn with_reads(EtcdTxn txn) const;
  Awaitable<bool> look();
  Awaitable<bool> take(Result<EtcdTxnAnswer> answer);
  Result<> take_look(CoordinatorLook look);
  Awaitable<Result<>> restore(StatePlace place);
  Awaitable<Result<std::string>> read_pieces(StatePlace place);
  Result<> take_entries(std::vector<core::Entry> entries);
  void note_leader(const CoordinatorLook& look);
  Awaitable<void> register_master();
  std::string own_document() const;
  bool may_campaign() const;
  Awaitable<void> campaign();
  // etcd_leading.cpp
  void become_primary(Term term);
  void step_down(const std::string& why);
  void take_role(core::Role role, const core::NodeId& primary);
  void propose(core::Propose proposal);
  void refuse(core::CommandId id, std::string why);
  void refuse_waiting(const std::string& why);
  Awaitable<void> write();
  Awaitable<void> append();
  std::vector<core::Entry> next_entries() const;
  Awaitable<void> settle_appending(bool is_refused);
  Awaitable<bool> write_guarded(EtcdTxn txn, std::uint64_t leader_revision);
  Awaitable<void> write_snapshot(core::Snapshot snapshot);
  void ask_for_snapshot();
  Term term_of(LogIndex index) const;
  Awaitable<void> hand_over(core::NodeId to);
  Awaitable<void> raise_terms(Term reported);
  void term_reported(Term term);
  // etcd_view.cpp
  void publish_view();
  std::string unreachable_text() const;
  std::string refusal_text() const;
  std::string rival_text() const;
  std::string failure_text() const;
  std::string why_no_primary() const;
  void view_features(cluster::ClusterView& view) const;

  boost::asio::io_context& loop_;
  const CoordinatorSpec spec_;
  const CoordinatorKeys keys_;
  cluster::ClusterOptions options_;
  cluster::ClusterHooks hooks_;
  const core::SnapshotPointer no_snapshot_{};
  EtcdClient reader_;
  EtcdClient writer_;
  EtcdClient watcher_;
  EtcdClient granter_;
  std::vector<std::unique_ptr<EtcdClient>> renewers_;  // one for each server
  boost::asio::steady_timer news_;
  boost::asio::steady_timer work_;  // for the writer
  Endpoint control_;
  bool stopped_ = false;
  std::string failure_;  // why it takes part no longer
  std::string trouble_;  // what is wrong with what etcd holds; empty: nothing

  // ---- the lease
  std::optional<CoordinatorLease> lease_;
  Instant lease_until_ = Instant::never();
  Instant outage_until_ = Instant::never();
  std::optional<Instant> unreached_since_;
  std::string unreached_why_;
  std::string unreached_clock_;  // since when, for people
  Instant reached_at_ = Instant::never();
  std::uint64_t leading_lease_ = 0;  // with which it leads, or did last

  // ---- what etcd refuses, though it answers
  std::optional<Since> refusal_;
  std::optional<Instant> unread_since_;
  Instant try_again_ = Instant::never();
  std::optional<Since> rival_;  // another process of this name takes part

  // ---- an etcd that does not hold any more what it held
  std::string lost_why_;  // empty: it does; once it does not, it is not believed again
  Instant lost_until_ = Instant::never();
  std::optional<CoordinatorLook::Leader> other_leader_;  // there, and since when it is known
  Instant other_leader_since_ = Instant::never();
  bool was_vacant_ = false;  // nobody led there

  // ---- what etcd holds, as known
  std::uint64_t seen_ = 0;  // the revision of the last look
  unsigned overtaken_ = 0;  // looks in a row of an older one
  bool watching_ = false;
  bool caught_up_ = false;
  std::optional<CoordinatorLook::Leader> leader_;
  std::map<core::NodeId, MasterDocument> masters_;
  std::uint64_t registration_ = 0;  // the revision at which this master's key was created; 0: none
  std::string registered_;          // what it says
  std::uint64_t cluster_ = 0;
  std::uint64_t terms_above_ = 0;
  core::NodeId successor_;
  Instant successor_until_ = Instant::never();
  Instant hold_back_until_ = Instant::never();
  LogIndex last_;
  std::map<LogIndex, Term> terms_;  // the first entries of terms, from the last snapshot on
  LogIndex snapshot_at_;
  std::uint64_t restores_ = 0;
  Instant heard_ = Instant::never();  // the last look that told of a leader
  Instant no_primary_since_;

  // ---- the role
  core::Role role_ = core::Role::follower;
  core::NodeId primary_;
  Term term_;
  std::uint64_t leader_revision_ = 0;
  bool announced_ = false;
  bool handing_over_ = false;
  bool begins_ = false;  // its first entry is due
  Instant gate_ = Instant::never();
  std::deque<core::Propose> waiting_;    // at most limits::uncommitted_entries_max
  std::deque<core::Propose> appending_;  // not known to be there, or not to be
  bool in_doubt_ = false;                // a transaction with some of those may still take place
  bool snapshot_asked_ = false;
  Instant raise_again_ = Instant::never();  // the terms, for workers that know higher ones
  std::optional<core::Snapshot> snapshot_;  // to be written
  cluster::ClusterView view_;
};

}  // namespace tandem::master
