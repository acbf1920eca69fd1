#include "master/cluster/cluster_member.hpp"

#include <pthread.h>

#include <algorithm>
#include <random>

#include <boost/asio.hpp>

#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "common/http/api_response.hpp"
#include "common/tls/worker_tls.hpp"
#include "master/registry/limits.hpp"
#include "master/cluster/masters_file.hpp"
#include "master/coordinator/etcd_coordination.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

constexpr Duration switchover_poll = 5ms;
constexpr Duration farewell_poll = 500us;
// A handover takes some milliseconds; one that takes longer may fail.
constexpr Duration handover_usual_max = 100ms;

struct FarewellEnd {
  explicit FarewellEnd(const ClusterMemberHooks& all) : hooks(all) {}
  ~FarewellEnd() { come(); }
  // Wakes those who wait.
  void come() const {
    if (hooks.farewell_over) hooks.farewell_over();
  }
  FarewellEnd(const FarewellEnd&) = delete;
  FarewellEnd& operator=(const FarewellEnd&) = delete;

  const ClusterMemberHooks& hooks;
};

std::uint64_t new_life() {
  std::random_device device;
  return (std::uint64_t{device()} << 32 | device()) >> 11 | 1;
}

cluster::ClusterOptions with_check(cluster::ClusterOptions options) {
  options.check = state_check(options.features_max);
  return options;
}

}  // namespace

ClusterMember::ClusterMember(asio::io_context& control_loop, Registry& registry, ServingGate& gate,
                             cluster::ClusterOptions options, ClusterMemberHooks hooks,
                             std::optional<CoordinatorSpec> coordinator)
    : control_loop_(control_loop),
      registry_(registry),
      gate_(gate),
      options_(with_check(std::move(options))),
      hooks_(std::move(hooks)),
      messages_(options_.check),
      coordination_(make_coordination(std::move(coordinator))),
      node_(dynamic_cast<cluster::ClusterNode*>(coordination_.get())),
      state_(registry, hooks_.change),
      proposals_(control_loop, new_life(),
                 [this](core::CommandId id, std::string bytes) {
                   to_coordination(core::Propose{id, std::move(bytes)});
                 }),
      announcer_(control_loop, options_.timing.heartbeat,
                 {.announced = [this](Term term) { to_coordination(core::TermAnnounced{term}); },
                  .higher = [this](Term term) { report_term(term); }}),
      shares_token_(options_.shares_token) {}

ClusterMember::~ClusterMember() { stop(); }

std::unique_ptr<cluster::Coordination> ClusterMember::make_coordination(
    std::optional<CoordinatorSpec> coordinator) {
  if (coordinator) {
    coordinator->worker_heartbeat = registry_.options().heartbeat_interval;
    return std::make_unique<EtcdCoordination>(loop_, std::move(*coordinator), options_,
                                              coordination_hooks());
  }
  return std::make_unique<cluster::ClusterNode>(loop_, options_, coordination_hooks());
}

cluster::ClusterHooks ClusterMember::coordination_hooks() {
  cluster::ClusterHooks hooks;
  hooks.serve_until = [this](Instant until, Term term) { took_gate(until, term); };
  hooks.granted_until = [this](Instant until) { took_grant(until); };
  hooks.in_force = [this](LogIndex index) {
    to_control([this, index] { in_force_ = std::max(in_force_, index); });
  };
  hooks.role = [this](const core::RoleChange& change) {
    if (change.role == core::Role::candidate) elections_begun_.add();
    if (change.role == core::Role::primary) elections_won_.add();
    log::info("cluster role={} term={} primary={}", core::to_string(change.role), change.term,
              change.primary.node);
  };
  hooks.announce = [this](Term term) { to_control([this, term] { announce(term); }); };
  hooks.restore = [this](core::SnapshotPointer snapshot) {
    to_control([this, snapshot] {
      ++restores_;
      restore(*snapshot);
    });
  };
  hooks.apply = [this](std::vector<core::Entry> entries) {
    to_control([this, entries = std::move(entries)] { apply(entries); });
  };
  hooks.refused = [this](const core::Refusal& refusal) {
    to_control([this, refusal] { proposals_.refused(refusal.id, refusal.error); });
  };
  hooks.snapshot_wanted = [this](std::uint64_t restores) {
    to_control([this, restores] { take_snapshot(restores); });
  };
  hooks.applied = [this](const core::NodeId& node, const wire::StateDigest& theirs) {
    to_control([this, node, theirs] {
      agreement_.heard(node, theirs);
      say_differing();
    });
  };
  hooks.found_out = [this](const wire::FoundOut& found_out) {
    if (found_out == told_ && found_out.empty()) return;
    told_ = found_out;
    to_control([this, found_out] {
      if (!is_primary()) registry_.take_found_out(found_out, now());
    });
  };
  hooks.view = [this](const cluster::ClusterView& view) {
    node_view_ = view;
    leads_.store(view.role == core::Role::primary, std::memory_order_relaxed);
    publish_leadership();
    to_control([this, view] { saw(view); });
  };
  return hooks;
}

template <class Function>
void ClusterMember::to_control(Function function) {
  asio::post(control_loop_, [this, function = std::move(function)]() mutable {
    if (!closed_) function();
  });
}

void ClusterMember::to_coordination(core::Input input) {
  asio::post(loop_,
             [this, input = std::move(input)]() mutable { coordination_->step(std::move(input)); });
}

Result<> ClusterMember::open() {
  if (auto opened = coordination_->open(); !opened) return opened;
  const auto& snapshot = coordination_->stored_snapshot();
  if (snapshot == nullptr) return {};
  if (auto restored = state_.restore(*snapshot, now()); !restored) return restored;
  agreement_.restored(digest());
  note_feature_level();
  return {};
}

void ClusterMember::start(const Endpoint& control) {
  TANDEM_ASSERT(!thread_.joinable());
  control_ = control;
  if (!options_.directory.empty() && node_ != nullptr) {
    const auto file = masters_file_in(options_.directory);
    masters_file_.emplace(file, [file](const std::string& failure) {
      if (failure.empty()) return log::info("the masters are kept again file={}", file);
      log::warn("the masters cannot be kept, tried again every second file={} reason=\"{}\"", file,
                failure);
    });
  }
  has_others_.store(!others().empty(), std::memory_order_relaxed);
  // No master is admitted before the state lists the masters.
  asio::post(loop_, [this, control, applied = state_.applied()] {
    coordination_->start(control);
    core::Registered nothing_new;
    nothing_new.applied = applied;
    coordination_->step(std::move(nothing_new));
  });
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "cluster");
    const auto work = asio::make_work_guard(loop_);
    loop_.run();
  });
  for (const auto& [peer, address] : options_.peers) {
    if (!address.is_numeric()) look_up(peer, address);
  }
}

void ClusterMember::look_up(const core::NodeId& peer, const Endpoint& control) {
  lookups_.watch(control, [this, peer, control](const NameLookups::Found& found) {
    if (!found) {
      log::warn("master cannot be resolved node={} address={} reason=\"{}\"", peer,
                control.to_string(), found.error().message);
      return;
    }
    if (node_ != nullptr) {
      asio::post(loop_,
                 [this, peer, addresses = *found] { node_->set_peer_addresses(peer, addresses); });
    }
    to_control([this, peer, addresses = *found] {
      resolved_[peer] = addresses;
      registered_digest_ = 0;  // forces another report
    });
  });
}

void ClusterMember::set_listen(const std::optional<Endpoint>& listen) {
  asio::post(loop_, [this, text = listen ? listen->to_string() : std::string()] {
    coordination_->set_listen(text);
  });
}

void ClusterMember::set_inner(const Endpoint& inner) {
  asio::post(loop_, [this, text = inner.to_string()] { coordination_->set_inner(text); });
}

void ClusterMember::set_control(const Endpoint& control) {
  control_ = control;
  asio::post(loop_, [this, control] { coordination_->set_control(control); });
}

void ClusterMember::stop(Gate gate) {
  lookups_.stop();
  if (!thread_.joinable()) return;
  asio::post(loop_, [this, gate] {
    if (gate == Gate::shut) {
      gate_.set_serve_until(Instant::never());
      gate_.set_granted_until(Instant::never());
      if (hooks_.gate) hooks_.gate();
    }
    coordination_->stop();
    loop_.stop();
  });
  thread_.join();
}

void ClusterMember::close() {
  closed_ = true;
  proposals_.stop();
  announcer_.end();
}

// ---- the cluster's thread

void ClusterMember::took_gate(Instant until, Term term) {
  const bool was_open = gate_.open_at(now()).has_value();
  gate_.set_term(term);
  gate_.set_serve_until(until);
  serve_until_ = until;
  if (hooks_.gate && (!was_open || until <= now())) hooks_.gate();
  // Loops are told about an opening, which they may be waiting for; they notice a closing
  // themselves.
  if (!was_open && until != Instant::never()) {
    leadership_ = nullptr;
    publish_leadership();
  }
}

void ClusterMember::publish_leadership() {
  Leadership next;
  next.term = node_view_.term;
  next.is_primary = node_view_.role == core::Role::primary;
  next.primary = node_view_.primary.name();
  if (!next.is_primary && node_view_.primary_addresses) {
    next.primary_listen = node_view_.primary_addresses->listen;
    next.primary_pass = node_view_.primary_addresses->pass;
    next.primary_inner = node_view_.primary_addresses->inner;
    if (next.primary_inner && options_.credentials) next.primary_tls = tls_to(next.primary);
  }
  if (leadership_ != nullptr && *leadership_ == next) return;
  leadership_ = std::make_shared<const Leadership>(std::move(next));
  hooks_.leadership(leadership_);
}

// The same each time, so that connections stay.
std::shared_ptr<const tls::WorkerTls> ClusterMember::tls_to(const std::string& master) {
  auto& known = tls_to_masters_[master];
  if (known == nullptr) known = tls::WorkerTls::to_master(options_.credentials, master);
  return known;
}

void ClusterMember::renew_tls() {
  asio::post(loop_, [this] {
    tls_to_masters_.clear();
    publish_leadership();
  });
}

// ---- the control loop's thread

void ClusterMember::saw(cluster::ClusterView view) {
  const bool began_to_lead = view.role == core::Role::primary && !is_primary();
  view_ = std::move(view);
  if (began_to_lead) registered_digest_ = 0;
  registry_.set_sharers(count_servers());
  report_applied();
  hooks_.view();
}

void ClusterMember::apply(const std::vector<core::Entry>& entries) {
  if (healing_) return void(held_.insert(held_.end(), entries.begin(), entries.end()));
  const auto time = now();
  for (const auto& entry : entries) {
    if (gave_up_) return;
    auto applied = state_.apply(entry, time);
    if (!applied) return give_up(applied.error());
    if (state_.applied() == entry.index) agreement_.applied(digest());
    if (*applied) proposals_.applied(std::get<core::Command>(entry.body).id, std::move(**applied));
  }
  note_feature_level();
  say_applied();
  report_applied();
}

void ClusterMember::restore(const core::Snapshot& snapshot) {
  held_.clear();
  healed_.reset();
  if (const auto restored = state_.restore(snapshot, now()); !restored) {
    return give_up(restored.error());
  }
  agreement_.restored(digest());
  note_feature_level();
  say_applied();
  in_force_ = std::min(in_force_, state_.applied());
  report_applied();
}

void ClusterMember::note_feature_level() {
  const auto level = feature_level();
  if (level == noted_level_) return;
  noted_level_ = level;
  log::info("feature level level={}", level);
  asio::post(loop_, [this, level] { coordination_->set_feature_level(level); });
}

// A master that guessed the meaning of an entry would have another state than the others.
void ClusterMember::give_up(const Error& error) {
  gave_up_ = true;
  asio::post(loop_, [this, error] { coordination_->give_up(error); });
}

void ClusterMember::announce(Term term) { announcer_.announce(term, registry_.term_takers()); }

void ClusterMember::take_snapshot(std::uint64_t restores) {
  asio::post(loop_,
             [this, restores, index = state_.applied(), bytes = state_.to_bytes()]() mutable {
               coordination_->snapshot_taken(restores, index, std::move(bytes));
             });
}

// Members that do not know a change could not apply it, or anything after it.
Result<> ClusterMember::check_feature_level(const Change& change) const {
  const auto needed = level_needed(change);
  if (needed <= feature_level() || std::holds_alternative<RaiseFeatureLevel>(change)) return {};
  const auto& held_back = view_.features_held_back;
  return fail(ErrorCode::unavailable,
              fmt::format("this needs feature level {}, and the cluster is at {}{}: it rises by "
                          "itself when all masters and witnesses run a version that supports it",
                          needed, feature_level(),
                          held_back.empty() ? "" : fmt::format(" ({})", held_back)));
}

// Who asked is left out where older members could not read it, or where it would not fit beside a
// change that fits alone: what all members could not apply must not be in the log.
std::string ClusterMember::command_of(const Change& change, wire::Author by) const {
  if (by.empty() || feature_level() < wire::features::change_authors) return to_json(change);
  auto command = to_json(AuthoredChange{change, std::move(by)});
  return parse_authored_change(command) ? std::move(command) : to_json(change);
}

asio::awaitable<Result<>> ClusterMember::commit(Change change, wire::Author by) {
  if (!is_primary()) {
    co_return fail(ErrorCode::unavailable, "this master is not the primary: nothing was changed");
  }
  if (!view_.failure.empty()) co_return undecided();
  if (auto possible = check_feature_level(change); !possible) co_return possible;
  if (const auto due = registry_.registration_due(change)) {
    auto registering = proposals_.commit(to_json(*due));
    if (auto registered = co_await std::move(registering); !registered) co_return registered;
  }
  const bool loosens = is_loosening(change);
  auto committing = proposals_.commit(command_of(change, std::move(by)));
  auto committed = co_await std::move(committing);
  if (!committed || loosens) co_return committed;
  auto spreading = await_in_force(state_.applied());
  co_return co_await std::move(spreading);
}

asio::awaitable<Result<>> ClusterMember::switch_over(std::string to) {
  if (!is_primary()) co_return fail(ErrorCode::unavailable, "this master is not the primary");
  if (to == options_.node.name()) co_return Result<>();
  const auto peers = others();
  if (!to.empty() && !peers.contains(core::NodeId(to))) {
    co_return fail(ErrorCode::not_found, fmt::format("{} is not a master of this cluster", to),
                   "to");
  }
  if (peers.empty()) {
    co_return fail(ErrorCode::conflict, "this cluster has no other master to hand over to");
  }
  const Term before = view_.term;
  const core::NodeId successor = to.empty() ? core::NodeId() : core::NodeId(to);
  asio::steady_timer timer(control_loop_);
  const FarewellEnd farewell_end(hooks_);
  while (hooks_.farewell && !closed_ && is_primary() && !hooks_.farewell(now())) {
    boost::system::error_code ignored;
    timer.expires_after(farewell_poll);
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  const auto deadline = now() + limits::takeover_wait_max;
  while (!closed_ && now() < deadline) {
    if (!is_primary() && view_.term > before && !view_.primary.empty()) co_return Result<>();
    // Repeated, because a master that has just joined may not have answered yet, and one that lags
    // may need several attempts.
    if (is_primary() && view_.term == before) to_coordination(core::HandOver{successor});
    if (now() >= deadline - limits::takeover_wait_max + handover_usual_max) farewell_end.come();
    boost::system::error_code ignored;
    timer.expires_after(switchover_poll);
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  co_return fail(ErrorCode::unavailable,
                 "no other master could take over: none is in sync and reachable");
}

void ClusterMember::hand_over_and_wait() {
  if (!leads_ || !has_others_) return;
  const FarewellEnd farewell_end(hooks_);
  while (hooks_.farewell && leads_ && !hooks_.farewell(now())) {
    std::this_thread::sleep_for(farewell_poll);
  }
  const auto begun = now();
  const auto deadline = begun + options_.timing.election_timeout;
  while (leads_ && now() < deadline) {
    to_coordination(core::HandOver{});  // as in switch_over()
    if (now() >= begun + handover_usual_max) farewell_end.come();
    std::this_thread::sleep_for(1ms);
  }
}

void ClusterMember::report_term(Term term) { to_coordination(core::TermReported{term}); }

Error ClusterMember::undecided() const {
  const auto node = options_.node.name();
  std::string why;
  if (view_.ended) {
    why = fmt::format("{} no longer takes part: {}", node, view_.failure);
  } else if (!view_.failure.empty()) {
    why = fmt::format("{} can make no change: {}; nothing was changed", node, view_.failure);
  } else if (!is_primary()) {
    why = fmt::format(
        "{} knows no primary: {}; nothing was changed", node,
        view_.waiting.empty() ? "no quorum of the voters can be reached" : view_.waiting);
  } else {
    const auto* const what = !has_caught_up()    ? "has not applied yet what was committed before"
                             : view_.coordinator ? "its lease was not renewed"
                                                 : "a majority of the voters does not answer it";
    why = fmt::format("{} leads, but {}; nothing was changed", node, what);
  }
  return fail(ErrorCode::unavailable, std::move(why));
}

bool ClusterMember::is_stuck() const {
  if (view_.ended) return true;
  const auto masters = std::count_if(
      view_.voters.begin(), view_.voters.end(),
      [](const cluster::VoterView& voter) { return voter.kind == core::VoterKind::master; });
  return !view_.failure.empty() && is_primary() && (view_.pair || masters < 2);
}

std::string_view ClusterMember::failure_kind() const {
  if (view_.ended) return "this master no longer takes part";
  if (view_.failure.empty()) return "";
  return view_.coordinator ? "the coordinator cannot be used" : "the log cannot be written";
}

bool ClusterMember::is_in_sync(Instant now) const {
  if (!view_.failure.empty()) return false;
  if (view_.role == core::Role::primary || view_.primary.empty() || !view_.votes) return false;
  if (view_.coordinator) return lag_of(view_) == 0 && applied() >= view_.commit;
  if (view_.pair && !view_.in_pair_sync) return false;
  if (agreement_.differs_from(view_.primary)) return false;
  return lag_of(view_) == 0 && applied() >= view_.commit &&
         now - options_.timing.election_timeout < view_.primary_heard;
}

}  // namespace tandem::master
