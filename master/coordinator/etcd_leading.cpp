// The part of EtcdCoordination that leads: it writes changes in their order, each guarded by the
// key that says that it leads, and gives the lead away.
#include <algorithm>
#include <random>

#include <boost/asio.hpp>

#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "common/core/limits.hpp"
#include "master/coordinator/etcd_coordination.hpp"
#include "master/coordinator/limits.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

constexpr std::uint64_t term_reported_max = std::uint64_t{1} << 52;

std::uint64_t new_cluster_id() {
  std::random_device device;
  return (std::uint64_t{device()} << 32 | device()) >> 11 | 1;
}

}  // namespace

void EtcdCoordination::take_role(core::Role role, const core::NodeId& primary) {
  role_ = role;
  primary_ = primary;
  if (primary.empty()) no_primary_since_ = now();
  if (hooks_.role) hooks_.role({role, term_, {primary, {}}});
}

void EtcdCoordination::become_primary(Term term) {
  term_ = std::max(term_, term);
  announced_ = false;
  handing_over_ = false;
  begins_ = true;
  snapshot_asked_ = false;
  take_role(core::Role::primary, options_.node);
  if (hooks_.announce) hooks_.announce(term_);
  ask_for_snapshot();
  work_.cancel();
}

void EtcdCoordination::step_down(const std::string& why) {
  log::info("leads no more node={} term={} reason=\"{}\"", options_.node, term_, why);
  announced_ = false;
  handing_over_ = false;
  begins_ = false;
  snapshot_.reset();
  role_ = core::Role::follower;
  refresh_gate();
  take_role(core::Role::follower, {});
  refuse_waiting("the lead was lost");
  work_.cancel();
  publish_view();
}

void EtcdCoordination::refuse(core::CommandId id, std::string why) {
  if (!hooks_.refused) return;
  hooks_.refused({id, fail(ErrorCode::unavailable, std::move(why) + ": nothing was changed")});
}

// Those that may be in etcd already are not among them.
void EtcdCoordination::refuse_waiting(const std::string& why) {
  for (const auto& each : std::exchange(waiting_, {})) refuse(each.id, why);
}

void EtcdCoordination::propose(core::Propose proposal) {
  if (!leads()) return refuse(proposal.id, "this master is not the primary");
  if (handing_over_) return refuse(proposal.id, "this master hands over");
  if (const auto why = failure_text(); !why.empty()) return refuse(proposal.id, why);
  if (waiting_.size() >= limits::uncommitted_entries_max) {
    return refuse(proposal.id, "too many changes wait for their commit; try again");
  }
  waiting_.push_back(std::move(proposal));
  work_.cancel();
}

asio::awaitable<void> EtcdCoordination::write() {
  while (!is_over()) {
    const bool has_work = !waiting_.empty() || !appending_.empty() || begins_ || snapshot_;
    if (!has_work || !leads()) {
      work_.expires_at(asio::steady_timer::time_point::max());
      boost::system::error_code ignored;
      co_await work_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
      continue;
    }
    if (begins_ || !waiting_.empty() || !appending_.empty()) {
      auto appending = append();
      co_await std::move(appending);
    } else {
      auto writing = write_snapshot(*std::exchange(snapshot_, std::nullopt));
      co_await std::move(writing);
    }
  }
}

// The first entry of a term, and the changes that were taken from those that wait.
std::vector<core::Entry> EtcdCoordination::next_entries() const {
  std::vector<core::Entry> entries;
  auto index = last_;
  const auto add = [&](core::EntryBody body) {
    index = index.next();
    entries.push_back({.index = index, .term = term_, .body = std::move(body)});
  };
  if (begins_) add(core::NoOp{});
  for (const auto& each : appending_) add(core::Command{each.id, each.bytes});
  return entries;
}

asio::awaitable<void> EtcdCoordination::append() {
  std::size_t bytes = 0;
  for (const auto& each : appending_) bytes += each.bytes.size();
  while (!waiting_.empty() && appending_.size() < limits::coordinator_batch_entries_max) {
    bytes += waiting_.front().bytes.size();
    if (bytes > limits::coordinator_batch_bytes_max && !appending_.empty()) break;
    appending_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  auto entries = next_entries();
  const auto revision = leader_revision_;
  EtcdTxn txn;
  txn.when_created(keys_.leader(), revision).when_created(keys_.change(last_.next()), 0);
  for (const auto& entry : entries) {
    txn.put(keys_.change(entry.index), change_document(entry, options_.node));
  }
  const auto founded = begins_ && cluster_ == 0 ? new_cluster_id() : 0;
  if (founded != 0) {
    txn.when_created(keys_.cluster(), 0);
    txn.put(keys_.cluster(), number_document("id", founded));
  }
  auto committing = writer_.commit(std::move(txn), limits::coordinator_answer_max);
  const auto answer = co_await std::move(committing);
  if (is_over()) co_return;
  if (answer && answer->succeeded) {
    if (founded != 0) {
      cluster_ = founded;
      seen_ = std::max(seen_, answer->revision);  // what was read before does not know of it
    }
    // Those that a look has found meanwhile are left out.
    const auto taken = take_entries(std::move(entries));
    if (!taken) log::error("a change of its own cannot be applied: {}", taken.error().message);
    if (leader_revision_ == revision) begins_ = false;
    if (appending_.empty()) in_doubt_ = false;
    publish_view();
    co_return;
  }
  const bool is_refused = !answer && answer.error().code == ErrorCode::conflict;
  if (!answer && !is_refused) in_doubt_ = true;
  if (is_refused) refused(answer.error().message);
  auto settling = settle_appending(is_refused);
  co_await std::move(settling);
  if (answer || is_over()) co_return;
  auto pausing = sleep(limits::coordinator_retry);
  co_await std::move(pausing);
}

// What has become of changes whose transaction was refused, or whose answer was lost, is read:
// those that are there are taken off by take_entries(). A transaction that is still on its way is
// refused by its guards, if it comes behind the next one or behind the loss of the lead. Etcd may
// have refused one that it has done, when that has filled it up.
asio::awaitable<void> EtcdCoordination::settle_appending(bool is_refused) {
  while (!is_over()) {
    auto looking = look();
    const bool known = co_await std::move(looking);
    if (is_over()) co_return;
    if (known && caught_up_) break;
    auto pausing = sleep(limits::coordinator_retry);
    co_await std::move(pausing);
  }
  if (begins_ && !terms_.empty() && terms_.rbegin()->second == term_) begins_ = false;
  if (appending_.empty()) in_doubt_ = false;
  if (leads() && (!is_refused || in_doubt_)) co_return;  // once more
  const auto why = leads() ? refusal_text() : std::string("the lead was lost");
  in_doubt_ = false;
  for (const auto& each : std::exchange(appending_, {})) refuse(each.id, why);
}

// Whether it took place, as the guards demand. When that is not known it is no.
asio::awaitable<bool> EtcdCoordination::write_guarded(EtcdTxn txn, std::uint64_t leader_revision) {
  if (leader_revision == 0) co_return false;
  txn.when_created(keys_.leader(), leader_revision);
  auto committing = writer_.commit(std::move(txn), limits::coordinator_answer_max);
  const auto answer = co_await std::move(committing);
  co_return answer && answer->succeeded && !is_over();
}

Term EtcdCoordination::term_of(LogIndex index) const {
  const auto next = terms_.upper_bound(index);
  return next == terms_.begin() ? term_ : std::prev(next)->second;
}

void EtcdCoordination::ask_for_snapshot() {
  const bool is_due =
      last_.value() - std::min(last_, snapshot_at_).value() >= limits::coordinator_changes_kept_max;
  if (!leads() || !is_due || snapshot_asked_ || !hooks_.snapshot_wanted) return;
  snapshot_asked_ = true;
  hooks_.snapshot_wanted(restores_);
}

void EtcdCoordination::snapshot_taken(std::uint64_t restores, LogIndex index, std::string bytes) {
  if (is_over() || restores != restores_ || index.value() == 0) return;
  if (!leads() || index <= snapshot_at_) {
    snapshot_asked_ = false;
    return;
  }
  snapshot_ = core::Snapshot{
      .index = index, .term = term_of(index), .configuration = {}, .bytes = std::move(bytes)};
  work_.cancel();
}

// Nobody reads the pieces before the key "state" says that all of them are there. Changes wait
// meanwhile.
asio::awaitable<void> EtcdCoordination::write_snapshot(core::Snapshot snapshot) {
  constexpr auto piece_max = limits::coordinator_piece_bytes_max;
  StatePlace place{
      .index = snapshot.index, .term = snapshot.term, .pieces = 0, .bytes = snapshot.bytes.size()};
  const auto revision = leader_revision_;
  bool is_written = true;
  for (std::size_t begin = 0; is_written && begin < snapshot.bytes.size(); begin += piece_max) {
    EtcdTxn txn;
    txn.put(keys_.piece(place.index, place.pieces++),
            std::string_view(snapshot.bytes).substr(begin, piece_max));
    auto writing = write_guarded(std::move(txn), revision);
    is_written = co_await std::move(writing);
  }
  if (is_written) {
    EtcdTxn txn;
    txn.put(keys_.state(), to_json(place))
        .erase(keys_.pieces(), keys_.pieces_of(place.index))
        .erase(keys_.changes(), keys_.change(place.index.next()));
    auto writing = write_guarded(std::move(txn), revision);
    is_written = co_await std::move(writing);
  }
  if (is_over()) co_return;
  snapshot_asked_ = false;
  if (!is_written) {
    auto pausing = sleep(limits::coordinator_retry);
    co_await std::move(pausing);
    co_return ask_for_snapshot();
  }
  snapshot_at_ = std::max(snapshot_at_, place.index);
  log::info("snapshot written index={} bytes={} pieces={}", place.index, place.bytes, place.pieces);
}

// The gate is shut before the key goes, and opened again if it has stayed.
asio::awaitable<void> EtcdCoordination::hand_over(core::NodeId to) {
  const auto others = std::count_if(masters_.begin(), masters_.end(), [&](const auto& master) {
    return master.first != options_.node && (to.empty() || master.first == to);
  });
  if (others == 0 || !lease_ || !failure_text().empty()) {
    handing_over_ = false;
    co_return;
  }
  refresh_gate();
  refuse_waiting("this master hands over");
  EtcdTxn txn;
  txn.erase(keys_.leader());
  // An etcd that is full deletes, and would let nobody lead then: it refuses this all.
  txn.put(keys_.master(options_.node.name()), own_document(), lease_->id);
  if (!to.empty()) txn.put(keys_.successor(), node_document(to), lease_->id);
  hold_back_until_ = now() + 2 * limits::coordinator_successor_first;
  auto writing = write_guarded(std::move(txn), leader_revision_);
  const bool done = co_await std::move(writing);
  if (is_over()) co_return;
  if (done) {
    if (leads()) step_down("it has handed over");
    co_return look_soon();
  }
  auto looking = look();
  co_await std::move(looking);
  if (is_over()) co_return;
  if (leads()) hold_back_until_ = Instant::never();
  handing_over_ = false;
  refresh_gate();
}

// A worker has promised a higher term. Somebody else may lead, which etcd tells. If nobody does, an
// etcd before this one had higher revisions: terms go on above them.
void EtcdCoordination::term_reported(Term term) {
  if (!leads() || term <= term_ || term.value() > term_reported_max || handing_over_) return;
  const bool is_replaced = !lost_why_.empty() && other_leader_;
  if (is_replaced || (unreached_since_ && lease_until_ <= now())) {
    return step_down("a worker knows a higher term");
  }
  if (now() < raise_again_) return;  // a worker's word moves no primary time and again
  raise_again_ = now() + limits::coordinator_raise_interval;
  handing_over_ = true;
  spawn(raise_terms(term));
}

asio::awaitable<void> EtcdCoordination::raise_terms(Term reported) {
  auto looking = look();
  const bool known = co_await std::move(looking);
  if (is_over()) co_return;
  if (known && leads() && reported > term_) {
    refresh_gate();
    EtcdTxn txn;
    txn.put(keys_.terms(), number_document("above", reported.value()));
    txn.erase(keys_.leader());
    auto writing = write_guarded(std::move(txn), leader_revision_);
    if (co_await std::move(writing) && leads()) step_down("a worker knows a higher term");
  }
  handing_over_ = false;
  refresh_gate();
  look_soon();
}

}  // namespace tandem::master
