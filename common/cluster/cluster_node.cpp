#include "common/cluster/cluster_node.hpp"

#include <algorithm>
#include <random>

#include <boost/asio.hpp>

#include "common/base/clock.hpp"
#include "common/base/duration.hpp"
#include "common/base/log.hpp"
#include "common/base/sender_address.hpp"
#include "common/wire/limits.hpp"

namespace tandem::cluster {

namespace asio = boost::asio;

namespace {

std::uint64_t random_number() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

}  // namespace

Result<> ClusterOptions::validate() const {
  core::Options options;
  options.self = {node, core::IncarnationId(1)};
  options.kind = kind;
  options.timing = timing;
  if (kind == core::VoterKind::master) {
    options.masters.push_back(node);
    for (const auto& [name, address] : peers) options.masters.push_back(name);
    if (!peers.empty() && directory.empty()) {
      return invalid(
          "--peer needs --data-dir DIR: a master's promises to the others must survive a restart",
          "--data-dir");
    }
  }
  if (restoration != nullptr) {
    if (directory.empty()) {
      return invalid(
          "--restore needs --data-dir DIR, an empty directory: the restored state is kept there",
          "--data-dir");
    }
    const auto founder = *std::min_element(options.masters.begin(), options.masters.end());
    if (founder != node) {
      return invalid(
          fmt::format("--restore is for {}, which founds the cluster as the first master "
                      "by name: start {} without it, in an empty directory",
                      founder, node),
          "--restore");
    }
  }
  return options.validate();
}

ClusterNode::ClusterNode(asio::io_context& loop, ClusterOptions options, ClusterHooks hooks)
    : loop_(loop),
      options_(std::move(options)),
      hooks_(std::move(hooks)),
      log_(loop, options_),
      tick_(loop) {
  TANDEM_ASSERT(options_.validate().ok());
  for (const auto& [node, control] : options_.peers) {
    known_[node] = {.addresses = {.control = control, .listen = {}, .pass = {}},
                    .configured = !control.is_unspecified(),
                    .given = control};
  }
}

core::MemberId ClusterNode::self() const {
  TANDEM_ASSERT(log_.incarnation().value() != 0);
  return {options_.node, log_.incarnation()};
}

void ClusterNode::start(Endpoint control) {
  TANDEM_ASSERT(node_ == nullptr && !stopped_);
  control_ = std::move(control);
  log_.start({.durable = [this](core::WriteNumber number) { written(number); },
              .failed = [this](const Error& error) { disk_failed(error); },
              .works = [this] { disk_works(); }});
  core::Options options;
  options.self = self();
  options.kind = options_.kind;
  options.timing = options_.timing;
  options.pair_failover = options_.pair_failover;
  options.joins = options_.joins;
  options.restoration = options_.restoration;
  options.reach_interval = 2 * options_.timing.election_timeout;
  if (options_.kind == core::VoterKind::master) {
    options.masters.push_back(options_.node);
    for (const auto& [node, address] : options_.peers) options.masters.push_back(node);
  }
  node_ = std::make_unique<core::Node>(options, log_.take_stored(), random_number(), now());
  for (const auto& [node, address] : options_.peers) link_to(node);
  step(core::Tick{});
}

void ClusterNode::stop() {
  if (stopped_) return;
  stopped_ = true;
  hooks_ = {};
  tick_.cancel();
  for (auto& [node, link] : links_) link->stop();
  links_.clear();
  log_.stop();
}

void ClusterNode::step(core::Input input) {
  if (stopped_ || node_ == nullptr || !failure_.empty()) return;
  if (auto* hand_over = std::get_if<core::HandOver>(&input)) hand_over->unfit = unfit();
  inputs_.push_back(std::move(input));
  if (!running_) run_inputs();
}

void ClusterNode::snapshot_taken(std::uint64_t restores, LogIndex index, std::string bytes) {
  if (restores == restores_) step(core::SnapshotTaken{index, std::move(bytes)});
}

void ClusterNode::run_inputs() {
  running_ = true;
  while (!inputs_.empty() && !stopped_ && failure_.empty()) {
    auto input = std::move(inputs_.front());
    inputs_.pop_front();
    if (const auto* durable = std::get_if<core::Durable>(&input)) durable_ = durable->number;
    node_->step(now(), std::move(input), outputs_);
    carry_out();
  }
  running_ = false;
  if (stopped_) return;
  plan_tick();
  publish_view();
}

// In the order of outputs.hpp, except that the gate comes first: it must be shut before a successor
// hears that it may lead.
void ClusterNode::carry_out() {
  if (outputs_.serve_until && hooks_.serve_until) {
    hooks_.serve_until(*outputs_.serve_until, node_->term());
  }
  if (outputs_.granted_until && hooks_.granted_until) hooks_.granted_until(*outputs_.granted_until);
  if (outputs_.write) {
    const auto number = outputs_.write->number;
    if (!log_.write(std::move(*outputs_.write))) inputs_.push_back(core::Durable{number});
  }
  release_held();
  for (auto& outbound : outputs_.messages) {
    if (outbound.after > durable_) {
      held_.push_back(std::move(outbound));
    } else {
      send(std::move(outbound.message));
    }
  }
  if (outputs_.role && hooks_.role) hooks_.role(*outputs_.role);
  if (outputs_.announce && hooks_.announce) hooks_.announce(*outputs_.announce);
  if (outputs_.restore != nullptr) {
    ++restores_;
    if (hooks_.restore) hooks_.restore(outputs_.restore);
  }
  if (!outputs_.apply.empty() && hooks_.apply) hooks_.apply(std::move(outputs_.apply));
  if (outputs_.in_force && node_->uses_grants() && hooks_.in_force) {
    hooks_.in_force(*outputs_.in_force);
  }
  if (hooks_.refused) {
    for (const auto& refusal : outputs_.refused) hooks_.refused(refusal);
  }
  if (outputs_.snapshot_wanted && hooks_.snapshot_wanted) hooks_.snapshot_wanted(restores_);
}

void ClusterNode::send(core::Message message) {
  if (const auto link = link_to(message.to.node)) {
    link->send(std::move(message));
  } else if (std::holds_alternative<core::VoteRequest>(message.body)) {
    std::erase_if(unasked_, [](const auto& each) { return is_stale(each.second.second); });
    const auto node = message.to.node;
    unasked_.insert_or_assign(node, std::pair(std::move(message), now()));
  }
}

// Sends the messages that waited for what is on the disk now.
void ClusterNode::release_held() {
  std::vector<core::Outbound> still_held;
  for (auto& outbound : std::exchange(held_, {})) {
    if (outbound.after > durable_) {
      still_held.push_back(std::move(outbound));
    } else {
      send(std::move(outbound.message));
    }
  }
  held_ = std::move(still_held);
}

// Whether the one with this certificate can be that node. A witness has masters alone to talk to.
bool ClusterNode::is_member(const core::NodeId& node, const tls::Identity& who) const {
  if (who.name != node.name()) return false;
  if (who.kind == tls::Kind::master) return true;
  const bool must_lead = options_.kind == core::VoterKind::witness || is_master(node);
  return who.kind == tls::Kind::worker && who.witness && !must_lead;
}

bool ClusterNode::is_master(const core::NodeId& node) const {
  const auto known = known_.find(node);
  return known != known_.end() && known->second.given.has_value();
}

wire::ClusterEnvelope ClusterNode::envelope() const {
  return {.node = options_.node,
          .control = control_,
          .listen = options_.listen,
          .inner = options_.inner,
          .pass = options_.pass,
          .election_timeout = options_.timing.election_timeout,
          .found_out = node_->role() == core::Role::primary ? found_out_ : wire::FoundOut{},
          .messages = {},
          .standing = standing(),
          .disk_failure = disk_failure_,
          .applied = applied_,
          .features = {.can = options_.features_max,
                       .level = feature_level_.load(std::memory_order_relaxed)},
          .unreached = node_->unreached()};
}

Result<> ClusterNode::check(const wire::ClusterEnvelope& envelope) const {
  if (envelope.election_timeout != options_.timing.election_timeout) {
    refusals_.foreign.fetch_add(1, std::memory_order_relaxed);
    return fail(ErrorCode::conflict,
                fmt::format("{} has an election timeout of {}, {} one of {}: give all masters the "
                            "same --election-timeout",
                            envelope.node, tandem::to_string(envelope.election_timeout),
                            options_.node, tandem::to_string(options_.timing.election_timeout)));
  }
  const core::ClusterId ours(cluster_.load(std::memory_order_relaxed));
  for (const auto& message : envelope.messages) {
    if (auto counted = check_denial(message.from); !counted) return counted;
    if (message.cluster.value() == 0 || ours.value() == 0 || message.cluster == ours) continue;
    refusals_.foreign.fetch_add(1, std::memory_order_relaxed);
    return fail(ErrorCode::conflict,
                fmt::format("{} belongs to cluster {}, {} to cluster {}: they were not founded "
                            "together",
                            envelope.node, message.cluster, options_.node, ours));
  }
  return check_features(envelope);
}

void ClusterNode::set_peer_addresses(const core::NodeId& peer, std::vector<Endpoint> addresses) {
  const auto found = known_.find(peer);
  if (stopped_ || found == known_.end() || addresses.empty()) return;
  found->second.resolved = addresses;
  if (const auto link = links_.find(peer); link != links_.end()) {
    link->second->set_addresses(std::move(addresses));
  }
  follow_link(peer);
}

// A peer that is configured by name is at the address at which its link has reached it.
void ClusterNode::follow_link(const core::NodeId& peer) {
  auto& known = known_.at(peer);
  const auto link = links_.find(peer);
  const auto reached = link == links_.end() ? std::nullopt : link->second->address();
  if (reached) {
    known.addresses.control = *reached;
  } else if (!known.resolved.empty()) {
    known.addresses.control = known.resolved.front();
  }
}

void ClusterNode::set_masters(const std::map<core::NodeId, Endpoint>& masters) {
  if (stopped_) return;
  for (auto& [node, known] : known_) {
    if (known.configured && !masters.contains(node)) {
      known.configured = false;
      known.given.reset();
    }
  }
  for (const auto& [node, control] : masters) {
    auto& known = known_[node];
    if (known.configured && known.given == control) continue;
    known.given = control;
    known.configured = !control.is_unspecified();
    if (!known.configured || known.addresses.control == control) continue;
    known.addresses.control = control;
    known.resolved.clear();
    if (const auto link = links_.find(node); link != links_.end()) {
      link->second->stop();
      links_.erase(link);
    }
  }
  if (node_ == nullptr || !failure_.empty()) return;
  prune_links();
  open_links();
  for (const auto& [node, control] : masters) link_to(node);
  publish_view();
}

void ClusterNode::set_address(const core::NodeId& node, const Endpoint& control) {
  if (stopped_ || node == options_.node) return;
  const auto found = known_.find(node);
  if (found == known_.end()) {
    if (control.port == 0 || !make_known(node)) return;
    known_[node].addresses.control = control;
    if (node_ != nullptr && failure_.empty()) open_links();
    return;
  }
  // A peer whose name cannot be resolved here is asked at the address that it states itself.
  if (found->second.configured && !found->second.resolved.empty()) follow_link(node);
  if (found->second.configured && !found->second.addresses.control.is_numeric()) {
    found->second.addresses.control = control;
  }
  if (found->second.configured || found->second.addresses.control == control) return;
  found->second.addresses.control = control;
  if (const auto link = links_.find(node); link != links_.end()) {
    if (link->second->is_accepted()) return;  // it goes on until it ends
    link->second->stop();
    links_.erase(link);
    if (node_ != nullptr && failure_.empty()) open_links();
  }
}

void ClusterNode::receive(wire::ClusterEnvelope envelope, const Sender& sender) {
  if (stopped_ || node_ == nullptr || !failure_.empty() || envelope.node == options_.node) return;
  if (sender.role == access::Role::worker && is_master(envelope.node)) {
    refusals_.unauthorized.fetch_add(1, std::memory_order_relaxed);
    refusals_.log.refused(
        sender.host, fmt::format("a worker's token, in the name of the master {}", envelope.node),
        now());
    return;
  }
  if (envelope.control.port != 0) {
    const auto control = reachable_from_here(envelope.control, sender.host);
    set_address(envelope.node, control);
    if (!sender.secret.empty()) set_secret(envelope.node, control, sender.secret);
  }
  const auto known = known_.find(envelope.node);
  if (known == known_.end()) return;
  if (sender.role == access::Role::master) known->second.proven_master = true;
  known->second.can = envelope.features.can;
  learn_feature_level(envelope);
  auto& addresses = known->second.addresses;
  addresses.pass = std::move(envelope.pass);
  known->second.disk_failure = std::move(envelope.disk_failure);
  known->second.unreached = std::move(envelope.unreached);
  addresses.controls_everywhere = envelope.control.is_unspecified();
  if (const auto listen = parse_endpoint(envelope.listen, "listen"); listen.ok()) {
    addresses.listen = reachable_from_here(*listen, addresses.control.host);
    addresses.listens_everywhere = listen->is_unspecified();
  } else if (envelope.listen.empty()) {
    addresses.listen.reset();  // it serves nobody there any more, or not yet
  }
  const auto inner = parse_endpoint(envelope.inner, "inner");
  addresses.inner =
      inner ? std::optional(reachable_from_here(*inner, addresses.control.host)) : std::nullopt;
  const bool from_primary = node_->primary().node == envelope.node;
  if (from_primary && hooks_.found_out) hooks_.found_out(envelope.found_out);
  if (from_primary && envelope.standing) {
    standing_ = std::move(envelope.standing);
    standing_teller_ = envelope.node;
    standing_heard_ = now();
  }
  // Witnesses have no state to compare.
  const bool compares = envelope.applied && is_master(envelope.node);
  if (compares && envelope.applied != known->second.applied) {
    known->second.applied = envelope.applied;
    if (hooks_.applied) hooks_.applied(envelope.node, *envelope.applied);
  }
  for (auto& message : envelope.messages) {
    const auto from = message.from.node;
    const auto* append = std::get_if<core::Append>(&message.body);
    const bool leads = append != nullptr || std::get_if<core::InstallSnapshot>(&message.body);
    const LogIndex commit = append == nullptr ? LogIndex(0) : append->commit;
    if (from != envelope.node) continue;  // no node sends for another one
    if (is_from_denier(message)) continue;
    step(std::move(message));
    if (!leads || node_->primary().node != from) continue;
    primary_commit_ = commit;
    primary_heard_ = now();
  }
  publish_view();
}

void ClusterNode::plan_tick() {
  const Instant due = failure_.empty() ? node_->deadline() : Instant::forever();
  if (due == tick_due_) return;
  tick_due_ = due;
  if (due == Instant::forever()) {
    tick_.cancel();
    return;
  }
  tick_.expires_after(std::max(due - now(), Duration::zero()));
  tick_.async_wait([this](boost::system::error_code error) {
    if (error || stopped_) return;
    tick_due_ = Instant::forever();
    step(core::Tick{});
  });
}

// ---- a state that cannot go on

void ClusterNode::give_up(const Error& error) {
  if (stopped_ || node_ == nullptr || !failure_.empty()) return;
  log::error("no longer taking part node={} reason=\"{}\"", options_.node, error.message);
  // Everything promised before is on the disk, so another member may lead.
  if (node_->role() == core::Role::primary) step(core::HandOver{});
  failure_ = error.message;
  disable();
}

void ClusterNode::disable() {
  if (hooks_.serve_until) hooks_.serve_until(Instant::never(), node_->term());
  if (hooks_.granted_until) hooks_.granted_until(Instant::never());
  held_.clear();
  inputs_.clear();
  // The hand-over may still be in a link's queue, so the links are kept; this node sends nothing
  // more.
  tick_due_ = Instant::forever();
  tick_.expires_after(options_.timing.heartbeat);
  tick_.async_wait([this](boost::system::error_code error) {
    if (error || stopped_) return;
    for (auto& [node, link] : links_) link->stop();
    links_.clear();
  });
  publish_view();
}

}  // namespace tandem::cluster
