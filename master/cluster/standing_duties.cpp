// The part of ClusterMember that runs at each tick: what a primary does by itself, without a
// request.
#include <boost/asio.hpp>

#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "common/base/secret.hpp"
#include "common/wire/term_proof.hpp"
#include "master/cluster/cluster_member.hpp"
#include "master/cluster/limits.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

// Registrations under way at once: a thousand workers that come together are registered within a
// few commits.
constexpr unsigned registering_max = 64;

void mix(std::uint64_t& digest, std::uint64_t value) { digest = (digest ^ value) * 0x100000001b3u; }

}  // namespace

void ClusterMember::tick(Instant now) {
  follow_masters();
  report_registered();
  mind_agreement(now);
  if (!is_primary() && now >= visit_again_) {
    visit_again_ = now + limits::visit_interval;
    announcer_.prepare(registry_.term_takers(), now);
  }
  if (!has_caught_up()) return;
  if (counts_absent_in_ != view_.term) {
    counts_absent_in_ = view_.term;
    registry_.began_to_lead(now);
  }
  if (registry_.state().secret.empty()) make_secret();
  if (view_.features_of_all > feature_level()) raise_feature_level();
  node_ == nullptr ? list_masters() : tend_masters();
  register_workers(now);
  tell_found_out(now);
}

// Done once in the life of a cluster; of two secrets made at the same time, the first in the log
// stays.
void ClusterMember::make_secret() {
  commit_alone(making_secret_, SetSecret{random_hex(wire::secret_bytes)});
}

void ClusterMember::raise_feature_level() {
  commit_alone(raising_level_, RaiseFeatureLevel{view_.features_of_all});
}

// Skipped while the previous change of its kind is `under_way`. One that fails will be due again.
void ClusterMember::commit_alone(bool& under_way, Change change) {
  if (std::exchange(under_way, true)) return;
  const auto make = [](ClusterMember* member, bool* making, Change made) -> asio::awaitable<void> {
    auto committing = member->commit(std::move(made));
    const auto committed = co_await std::move(committing);
    *making = false;
    if (!committed) log::debug("change waits reason=\"{}\"", committed.error().message);
  };
  asio::co_spawn(control_loop_, make(this, &under_way, std::move(change)), asio::detached);
}

void ClusterMember::tell_found_out(Instant now) {
  auto found_out = registry_.found_out(now);
  if (found_out.empty() && found_out_.empty()) return;
  found_out_ = found_out;
  asio::post(loop_, [this, found_out = std::move(found_out)]() mutable {
    coordination_->set_found_out(std::move(found_out));
  });
}

void ClusterMember::register_workers(Instant now) {
  if (registering_ > 0) return;  // the state will show what is left
  auto due = registry_.unregistered(now, registering_max);
  there_are_more_ = due.size() == registering_max;
  for (auto& change : due) {
    ++registering_;
    asio::co_spawn(control_loop_, register_worker(std::move(change)), asio::detached);
  }
}

asio::awaitable<void> ClusterMember::register_worker(Change change) {
  auto committing = commit(std::move(change));
  const auto committed = co_await std::move(committing);
  --registering_;
  if (!committed) {
    there_are_more_ = false;  // tried again with the next tick
    log::debug("registration waits reason=\"{}\"", committed.error().message);
  }
  if (registering_ == 0 && there_are_more_ && has_caught_up()) register_workers(tandem::now());
}

// Reports the possible witnesses, from the replicated state, with the liveness that this master
// sees; and again when it has caught up, because the core ignores an older report.
void ClusterMember::report_registered() {
  if (node_ == nullptr) return;  // nobody votes
  const std::pair seen(registry_.changes(), has_caught_up() ? view_.term : Term());
  if (std::exchange(registered_seen_, seen) == seen) return;
  core::Registered registered;
  registered.applied = state_.applied();
  std::uint64_t digest = 0xcbf29ce484222325u;
  mix(digest, has_caught_up() ? view_.term.value() : 0);
  auto addresses = registry_.live_witnesses();
  for (const auto& [name, worker] : registry_.state().joined) {
    if (!worker.witness) continue;
    const core::NodeId node{name};
    const bool live = registry_.is_live(name);
    registered.candidates.push_back(
        {{node, core::IncarnationId(worker.witness->incarnation)}, worker.address.host, live});
    addresses.emplace(name, worker.witness->control);
    mix(digest, worker.witness->incarnation << 1 ^ static_cast<unsigned>(live));
  }
  for (const auto& [name, control] : addresses)
    mix(digest, std::hash<std::string>{}(name + control.to_string()));
  for (const auto& [name, master] : registry_.state().masters) {
    registered.masters.push_back({core::NodeId(name), master.replaces.empty()
                                                          ? core::NodeId()
                                                          : core::NodeId(master.replaces)});
    mix(digest, std::hash<std::string>{}(name + " " + master.replaces));
  }
  registered.grants =
      serves_.load(std::memory_order_relaxed) && feature_level() >= wire::features::serving_grants;
  mix(digest, registered.grants ? 1 : 0);
  if (digest == registered_digest_) return;
  registered_digest_ = digest;
  for (const auto& [peer, control] : others()) {
    const auto found = resolved_.find(peer);
    if (found == resolved_.end()) registered.master_hosts.push_back(control.host);
    if (found == resolved_.end()) continue;
    for (const auto& address : found->second) registered.master_hosts.push_back(address.host);
  }
  asio::post(loop_, [this, addresses = std::move(addresses),
                     registered = std::move(registered)]() mutable {
    for (const auto& [name, control] : addresses) node_->set_address(core::NodeId(name), control);
    coordination_->step(std::move(registered));
  });
}

}  // namespace tandem::master
