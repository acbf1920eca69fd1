// The part of ClusterNode that has the connections to other members: those that it makes, and those
// that witnesses make.
#include <algorithm>
#include <utility>

#include "common/base/log.hpp"
#include "common/cluster/cluster_node.hpp"
#include "common/cluster/limits.hpp"
#include "common/wire/limits.hpp"

namespace tandem::cluster {

std::shared_ptr<PeerLink> ClusterNode::link_to(const core::NodeId& node) {
  if (const auto found = links_.find(node); found != links_.end()) return found->second;
  const auto known = known_.find(node);
  // A node that is bound to all addresses is at the address that it sends from. At 0.0.0.0 this
  // machine itself would answer or refuse, and a refused connection is taken as the end of the
  // other process.
  if (known == known_.end() || known->second.addresses.control.is_unspecified()) return nullptr;
  if (known->second.addresses.control.port == 0) return nullptr;  // it makes the connection
  auto link = std::make_shared<PeerLink>(loop_, link_options(node, known->second.addresses.control),
                                         link_hooks(node));
  links_.emplace(node, link);
  if (!known->second.resolved.empty()) link->set_addresses(known->second.resolved);
  link->start();
  return link;
}

PeerLinkOptions ClusterNode::link_options(const core::NodeId& node, const Endpoint& address) const {
  return {.peer = node,
          .address = address,
          .patience = std::max<Duration>(1s, 2 * options_.timing.election_timeout),
          .retry = options_.timing.heartbeat,
          .greets = true,
          .credentials = options_.credentials,
          .clear_text = options_.clear_text};
}

PeerLink::Hooks ClusterNode::link_hooks(const core::NodeId& node) {
  return {.envelope = [this] { return envelope(); },
          .token = [this, node] { return token_for(node); },
          .is_peer = [this, node](const auto& who) { return is_member(node, who); },
          .lost = [this, node] { step(core::ConnectionLost{node}); },
          .refused =
              [this, node](Instant attempted) {
                step(core::ConnectionRefused{node, attempted});
              }};
}

bool ClusterNode::votes(const core::NodeId& node) const {
  return node_ != nullptr && node_->configuration().current(node) != nullptr;
}

// Whether who asked for a vote then wants it no more.
bool ClusterNode::is_stale(Instant asked) { return now() - asked >= limits::vote_request_kept; }

// Those who are nothing here any more give their places to others: first who has never had an
// address, because the address of another is told once.
bool ClusterNode::make_known(const core::NodeId& node) {
  if (known_.contains(node)) return true;
  if (known_.size() >= limits::known_nodes_max) {
    const auto is_spare = [this](const auto& place) {
      return !place.second.given && !links_.contains(place.first) && !votes(place.first);
    };
    const auto is_nowhere = [&](const auto& place) {
      return is_spare(place) && place.second.addresses.control.port == 0;
    };
    auto spare = std::find_if(known_.begin(), known_.end(), is_nowhere);
    if (spare == known_.end()) spare = std::find_if(known_.begin(), known_.end(), is_spare);
    if (spare == known_.end()) return false;
    known_.erase(spare);
  }
  known_.try_emplace(node);
  return true;
}

bool ClusterNode::end_spare_link() {
  const auto spare = std::find_if(links_.begin(), links_.end(), [this](const auto& place) {
    return place.second->is_accepted() && !votes(place.first);
  });
  if (spare == links_.end()) return false;
  spare->second->stop();
  links_.erase(spare);
  return true;
}

// Of those that cannot all be kept, voters are.
bool ClusterNode::make_room_for(const core::NodeId& witness) {
  const auto is_accepted = [](const auto& place) { return place.second->is_accepted(); };
  const auto accepted = std::count_if(links_.begin(), links_.end(), is_accepted);
  const bool is_linked = links_.contains(witness) && links_.at(witness)->is_accepted();
  const bool is_full = !is_linked && accepted >= std::ptrdiff_t{limits::accepted_links_max};
  if (is_full && !(votes(witness) && end_spare_link())) return false;
  return make_known(witness) || (votes(witness) && end_spare_link() && make_known(witness));
}

void ClusterNode::take_link(const core::NodeId& node, DetachedChannel&& connection,
                            const std::string& host) {
  const bool takes_part = !stopped_ && node_ != nullptr && failure_.empty();
  if (!takes_part || is_master(node) || node == options_.node) return;
  if (!make_room_for(node)) {
    refusals_.log.refused(host, fmt::format("no room for another link, of {}", node), now());
    return;
  }
  auto hooks = link_hooks(node);
  hooks.envelope = [this] {
    auto own = envelope();
    own.pass.clear();  // is between masters
    return own;
  };
  hooks.token = [] { return std::string(); };  // it has called, and knows whom
  hooks.ended = [this, node](const PeerLink& link) { accepted_link_ended(node, link); };
  auto link = std::make_shared<PeerLink>(loop_, link_options(node, {host, 0}), std::move(hooks),
                                         std::move(connection));
  // The former one may have ended without a word, and what was on its way is lost with it. What the
  // core says to that goes over the new one.
  const auto former = std::exchange(links_[node], link);
  link->start();
  if (auto unasked = unasked_.extract(node)) {
    auto& [request, asked] = unasked.mapped();
    if (!is_stale(asked)) link->send(std::move(request));
  }
  if (former == nullptr) return;
  former->stop();
  step(core::ConnectionLost{node});
}

// It may have been one of several, and there may be an address by now.
void ClusterNode::accepted_link_ended(const core::NodeId& node, const PeerLink& link) {
  const auto found = links_.find(node);
  if (found == links_.end() || found->second.get() != &link) return;
  links_.erase(found);
  open_links();
}

// A witness whose token has been replaced, or removed, has to prove itself again.
void ClusterNode::set_token(std::string token) {
  options_.token = std::move(token);
  if (options_.credentials) return;
  std::vector<core::NodeId> lost;
  std::erase_if(links_, [&](const auto& place) {
    if (!place.second->is_accepted()) return false;
    place.second->stop();
    lost.push_back(place.first);
    return true;
  });
  for (const auto& node : lost) step(core::ConnectionLost{node});
}

// Witnesses join and leave; the link to one that does not vote is made again when it is needed.
void ClusterNode::prune_links() {
  std::erase_if(links_, [this](const auto& place) {
    const auto& [node, link] = place;
    const bool is_kept = options_.kind == core::VoterKind::witness || is_master(node) ||
                         link->is_accepted() || votes(node);
    if (is_kept) return false;
    link->stop();
    return true;
  });
}

// Opens links in advance, so that members whose votes are asked for, or who ask for ours, are
// connected when that is urgent. Witnesses send each other nothing.
void ClusterNode::open_links() {
  for (const auto& voter : node_->configuration().voters) {
    const bool is_master = voter.kind == core::VoterKind::master;
    if (voter.id.node == options_.node) continue;
    if (is_master || options_.kind == core::VoterKind::master) link_to(voter.id.node);
  }
}

}  // namespace tandem::cluster
