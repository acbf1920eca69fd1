// The part of EtcdCoordination that knows what etcd holds: a watch says that something has changed,
// and then all of it that may matter is read in one transaction.
#include <algorithm>

#include <boost/asio.hpp>

#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "common/core/limits.hpp"
#include "master/coordinator/etcd_coordination.hpp"
#include "master/coordinator/limits.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {
// Two looks may be under way at once; more in a row are of an etcd that has lost what it held.
constexpr unsigned overtaken_max = 5;
}  // namespace

asio::awaitable<void> EtcdCoordination::follow() {
  while (!is_over()) {
    auto looking = look();
    if (!co_await std::move(looking)) {
      auto pausing = sleep(limits::coordinator_retry);
      co_await std::move(pausing);
      continue;
    }
    if (is_over()) co_return;
    if (!caught_up_) continue;
    auto trying = try_writing();
    co_await std::move(trying);
    if (is_over()) co_return;
    if (lease_ && registered_ != own_document()) {
      auto registering = register_master();
      co_await std::move(registering);
    }
    if (may_campaign()) {
      auto standing = campaign();
      co_await std::move(standing);
      continue;
    }
    auto awaiting = await_news();
    co_await std::move(awaiting);
  }
}

// A watch that is still open goes on when something else is looked for.
asio::awaitable<void> EtcdCoordination::await_news() {
  auto wait = Duration(limits::coordinator_news_wait);
  const auto at = now();
  for (const auto until : {hold_back_until_, successor_until_}) {
    if (until > at) wait = std::min(wait, until - at);
  }
  news_.expires_after(wait);
  if (!std::exchange(watching_, true)) spawn(watch());
  boost::system::error_code ignored;
  co_await news_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  auto pausing = sleep(limits::coordinator_look_pause);
  co_await std::move(pausing);
}

// A primary makes the changes itself.
asio::awaitable<void> EtcdCoordination::watch() {
  auto from = leads() ? keys_.leader() : keys_.all();
  auto end = leads() ? behind(keys_.masters()) : behind(keys_.all());
  auto watching =
      watcher_.watch(std::move(from), std::move(end), seen_ + 1, limits::coordinator_news_wait);
  if (!co_await std::move(watching)) {
    auto pausing = sleep(limits::coordinator_retry);
    co_await std::move(pausing);
  }
  watching_ = false;
  if (!is_over()) look_soon();
}

void EtcdCoordination::look_soon() { news_.cancel(); }

EtcdTxn EtcdCoordination::with_reads(EtcdTxn txn) const {
  read_look(txn, keys_, last_);
  return txn;
}

// Whether it is known now what etcd holds.
asio::awaitable<bool> EtcdCoordination::look() {
  auto reading = reader_.commit(with_reads({}), limits::coordinator_answer_max);
  auto answer = co_await std::move(reading);
  if (is_over()) co_return false;
  auto taking = take(std::move(answer));
  co_return co_await std::move(taking);
}

asio::awaitable<bool> EtcdCoordination::take(Result<EtcdTxnAnswer> answer) {
  if (!answer) {
    note_unread(answer.error());
    co_return false;
  }
  unread_since_.reset();
  auto look = master::take_look(keys_, std::move(*answer));
  const bool is_older = look && look->revision < seen_;
  overtaken_ = is_older ? overtaken_ + 1 : 0;
  if (is_older && overtaken_ < overtaken_max) co_return false;  // an answer that was overtaken
  auto problem = look ? std::string() : look.error().message;
  const auto place = look ? look->state : std::nullopt;
  if (look) {
    const auto taken = take_look(std::move(*look));
    if (!taken) problem = taken.error().message;
  }
  if (problem.empty() && place && place->index > last_) {
    auto restoring = restore(*place);
    const auto restored = co_await std::move(restoring);
    if (is_over()) co_return false;
    if (!restored) problem = restored.error().message;
  }
  if (problem != trouble_ && !problem.empty()) {
    log::error("what etcd holds cannot be used node={} reason=\"{}\"", options_.node, problem);
  }
  trouble_ = std::move(problem);
  publish_view();
  co_return trouble_.empty();
}

Result<> EtcdCoordination::take_look(CoordinatorLook look) {
  const auto lost = why_lost(look);
  if (!lost.empty()) {
    lost_why_ = lost;
    note_loss(std::move(look));
    return invalid(lost);
  }
  seen_ = look.revision;
  cluster_ = look.cluster;
  terms_above_ = look.terms_above;
  masters_ = std::move(look.masters);
  if (look.state) snapshot_at_ = std::max(snapshot_at_, look.state->index);
  const bool is_behind = look.state && look.state->index > last_;
  caught_up_ = !is_behind && !look.more;
  const auto entries_taken = is_behind ? Result<>() : take_entries(std::exchange(look.changes, {}));
  if (!entries_taken) return entries_taken;
  if (look.successor && look.successor != successor_) {
    successor_until_ = now() + limits::coordinator_successor_first;
  }
  successor_ = look.successor.value_or(core::NodeId());
  note_leader(look);
  return {};
}

// What was committed is told in its order; what is known already is left out.
Result<> EtcdCoordination::take_entries(std::vector<core::Entry> entries) {
  std::vector<core::Entry> taken;
  for (auto& entry : entries) {
    if (entry.index <= last_) continue;
    if (entry.index != last_.next()) {
      return invalid(fmt::format("change {} is missing", last_.next()));
    }
    auto* command = std::get_if<core::Command>(&entry.body);
    if (command != nullptr && options_.check.command) {
      const auto fits = options_.check.command(command->bytes);
      if (!fits) {
        return fail(fits.error().code, fmt::format("change {} cannot be applied: {}", entry.index,
                                                   fits.error().message));
      }
    }
    last_ = entry.index;
    if (terms_.empty() || terms_.rbegin()->second != entry.term) terms_[last_] = entry.term;
    if (terms_.size() > limits::coordinator_terms_max) terms_.erase(terms_.begin());
    if (command != nullptr) {
      std::erase_if(appending_, [&](const auto& each) { return each.id == command->id; });
    }
    taken.push_back(std::move(entry));
  }
  if (!taken.empty() && hooks_.apply) hooks_.apply(std::move(taken));
  ask_for_snapshot();
  return {};
}

// A snapshot that is replaced meanwhile is read again.
asio::awaitable<Result<std::string>> EtcdCoordination::read_pieces(StatePlace place) {
  std::string bytes;
  for (std::size_t first = 0; first < place.pieces;) {
    const auto count = std::min(place.pieces - first, limits::coordinator_pieces_read_max);
    EtcdTxn txn;
    for (std::size_t i = 0; i < count; ++i) txn.read(keys_.piece(place.index, first + i));
    auto reading = reader_.commit(std::move(txn), limits::coordinator_answer_max);
    const auto answer = co_await std::move(reading);
    if (!answer) co_return answer.error();
    for (const auto& range : answer->ranges) {
      if (range.keys.empty()) {
        co_return fail(ErrorCode::not_found,
                       fmt::format("the snapshot after change {} lacks a piece", place.index));
      }
      bytes += range.keys.front().value;
      if (bytes.size() > place.bytes) break;
    }
    first += count;
  }
  if (bytes.size() == place.bytes) co_return bytes;
  co_return invalid(
      fmt::format("the snapshot after change {} has another length than it says", place.index));
}

asio::awaitable<Result<>> EtcdCoordination::restore(StatePlace place) {
  auto reading = read_pieces(place);
  auto bytes = co_await std::move(reading);
  if (is_over()) co_return Result<>();
  if (!bytes) co_return bytes.error();
  if (options_.check.snapshot) {
    const auto fits = options_.check.snapshot(*bytes);
    if (!fits) co_return fits.error();
  }
  auto snapshot = std::make_shared<core::Snapshot>(core::Snapshot{
      .index = place.index, .term = place.term, .configuration = {}, .bytes = std::move(*bytes)});
  last_ = place.index;
  terms_ = {{place.index, place.term}};
  ++restores_;
  if (hooks_.restore) hooks_.restore(std::move(snapshot));
  co_return Result<>();
}

void EtcdCoordination::note_leader(const CoordinatorLook& look) {
  leader_ = look.leader;
  if (leader_) {
    heard_ = now();
    successor_ = {};
  }
  const bool is_own = leader_ && lease_ && leader_->lease == lease_->id;
  if (!is_own) {
    if (leader_) hold_back_until_ = Instant::never();  // somebody has taken it
    if (leads())
      step_down(leader_ ? fmt::format("{} leads", leader_->node) : "its lease has ended");
    leader_revision_ = 0;
    if (leader_) term_ = std::max(term_, Term(leader_->revision + terms_above_));
    const auto primary = leader_ ? leader_->node : core::NodeId();
    if (primary != primary_) take_role(core::Role::follower, primary);
    return;
  }
  if (!caught_up_ || (leads() && leader_revision_ == leader_->revision)) return;
  leader_revision_ = leader_->revision;
  leading_lease_ = lease_->id;
  become_primary(Term(leader_->revision + terms_above_));
}

std::string EtcdCoordination::own_document() const {
  MasterDocument own{.node = options_.node,
                     .addresses = {.control = control_, .listen = {}, .pass = options_.pass},
                     .features = options_.features_max};
  if (auto listen = parse_endpoint(options_.listen, "listen"); listen && listen->port != 0) {
    own.addresses.listen = std::move(*listen);
  }
  if (auto inner = parse_endpoint(options_.inner, "inner"); inner && inner->port != 0) {
    own.addresses.inner = std::move(*inner);
  }
  return to_json(own);
}

// The key of a process before, or of another with the same name, ends with its lease.
asio::awaitable<void> EtcdCoordination::register_master() {
  const auto key = keys_.master(options_.node.name());
  const auto lease = lease_->id;
  auto document = own_document();
  EtcdTxn txn;
  txn.when_created(key, registration_).put(key, document, lease).read(key);
  auto committing = writer_.commit(std::move(txn), limits::coordinator_answer_max);
  const auto answer = co_await std::move(committing);
  if (is_over()) co_return;
  if (!answer) co_return note_failure(answer.error());
  if (!lease_ || lease_->id != lease) co_return;
  const auto& keys = answer->ranges.front().keys;
  const auto* const known = keys.empty() ? nullptr : &keys.front();
  registration_ = known != nullptr && known->lease == lease ? known->create_revision : 0;
  if (answer->succeeded) {
    registered_ = std::move(document);
    rival_.reset();
    look_soon();
  } else if (known != nullptr && known->lease != lease) {
    const auto rival = read_master_document(known->value);
    const auto where = rival ? rival->addresses.control.to_string() : std::string("unknown");
    if (!rival_) rival_ = Since{now(), coordinator_clock(), where};
    rival_->what = where;
  }
}

bool EtcdCoordination::may_campaign() const {
  const auto at = now();
  if (leader_ || !lease_ || registered_.empty() || !caught_up_) return false;
  if (unreached_since_ || refusal_) return false;
  if (lease_until_ < at + lease_->ttl / 4 || at < hold_back_until_) return false;
  const bool waits_for_another = !successor_.empty() && successor_ != options_.node &&
                                 masters_.contains(successor_) && at < successor_until_;
  return !waits_for_another;
}

asio::awaitable<void> EtcdCoordination::campaign() {
  EtcdTxn txn;
  txn.when_created(keys_.leader(), 0)
      .when_created(keys_.master(options_.node.name()), registration_)
      .put(keys_.leader(), node_document(options_.node), lease_->id)
      .erase(keys_.successor());
  if (hooks_.role) hooks_.role({core::Role::candidate, term_, {}});
  auto committing = writer_.commit(with_reads(std::move(txn)), limits::coordinator_answer_max);
  auto answer = co_await std::move(committing);
  if (is_over()) co_return;
  const bool was_ours = answer && answer->succeeded;
  auto taking = take(std::move(answer));
  const bool taken = co_await std::move(taking);
  if (taken && !was_ours && !leader_) registration_ = 0, registered_.clear();
  if (taken || is_over()) co_return;
  auto pausing = sleep(limits::coordinator_retry);
  co_await std::move(pausing);
}

}  // namespace tandem::master
