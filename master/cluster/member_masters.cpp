// The part of ClusterMember that knows the masters: it follows the replicated state and, as
// primary, records the founding masters and removes those that were replaced.
#include <algorithm>

#include <boost/asio.hpp>

#include "common/base/log.hpp"
#include "common/core/limits.hpp"
#include "common/wire/limits.hpp"
#include "master/cluster/cluster_member.hpp"
#include "master/cluster/masters_file.hpp"

namespace tandem::master {

namespace asio = boost::asio;

// If the record does not say, the address from which it was heard, or that of the flags or the last
// run.
Endpoint ClusterMember::address_of(const std::string& name, const MasterRecord& record) const {
  if (!record.address.is_unspecified() || name == options_.node.name()) return record.address;
  const auto heard = view_.masters.find(name);
  if (heard != view_.masters.end() && !heard->second.control.is_unspecified()) {
    return heard->second.control;
  }
  const auto given = options_.peers.find(core::NodeId(name));
  return given == options_.peers.end() ? record.address : given->second;
}

std::map<core::NodeId, Endpoint> ClusterMember::others() const {
  const auto& masters = registry_.state().masters;
  if (masters.empty() && !view_.coordinator) return options_.peers;
  std::map<core::NodeId, Endpoint> others;
  if (view_.coordinator) {  // also those that are not listed yet
    for (const auto& [name, master] : view_.masters) {
      others.emplace(core::NodeId(name), master.control);
    }
  }
  for (const auto& [name, master] : masters) {
    if (name != options_.node.name()) {
      others.emplace(core::NodeId(name), address_of(name, master));
    }
  }
  return others;
}

bool ClusterMember::votes(std::string_view master) const {
  if (view_.coordinator) {
    return master == options_.node.name() || view_.masters.contains(std::string(master));
  }
  return std::any_of(view_.voters.begin(), view_.voters.end(), [&](const auto& voter) {
    return voter.name == master && voter.kind == core::VoterKind::master;
  });
}

std::vector<std::string> ClusterMember::without_vote() const {
  std::vector<std::string> names;
  if (view_.coordinator) return names;
  for (const auto& [node, control] : others()) {
    if (!votes(node.name())) names.emplace_back(node.name());
  }
  const auto& masters = registry_.state().masters;
  const auto self = options_.node.name();
  const bool belongs = masters.empty() || masters.contains(self);
  if (belongs && !votes(self)) names.emplace_back(self);
  return names;
}

// A removed master votes until its removal is committed, and may be needed for that.
bool ClusterMember::is_removed() const {
  const auto& masters = registry_.state().masters;
  if (view_.coordinator) return false;  // it is listed again, as long as it takes part
  return !masters.empty() && !masters.contains(options_.node.name()) && !view_.votes &&
         view_.voters_committed && lag_of(view_) == 0;
}

bool ClusterMember::has_gone(const std::string& master) const {
  if (registry_.state().masters.contains(master)) return false;
  return gone_.contains(master) || noted_masters_.contains(master);
}

void ClusterMember::tell_removal() {
  const bool removed = is_removed();
  if (removed && !told_removed_) {
    log::warn("{} no longer belongs to the masters of this cluster: it can be stopped",
              options_.node);
  }
  told_removed_ = removed;
}

// Called at each tick, also on standbys.
void ClusterMember::follow_masters() {
  tell_removal();
  const auto& masters = registry_.state().masters;
  has_others_.store(!others().empty(), std::memory_order_relaxed);
  if (masters.empty() || view_.cluster.value() == 0) return;
  auto reachable = masters;
  for (auto& [name, master] : reachable) master.address = address_of(name, master);
  if (reachable != reachable_) masters_as_of_ = state_.applied();
  reachable_ = std::move(reachable);
  keep_masters();
  if (masters == noted_masters_) return;
  std::map<core::NodeId, Endpoint> others;  // as the state has them: who is bound to all addresses
                                            // is followed to where it speaks from
  for (const auto& [name, master] : masters) {
    if (name == options_.node.name()) continue;
    const core::NodeId node(name);
    others.emplace(node, master.address);
    const auto known = noted_masters_.find(name);
    const bool moved = known == noted_masters_.end() || known->second.address != master.address;
    if (!moved) continue;
    resolved_.erase(node);
    log::info("master node={} control={}", node, master.address.to_string());
    if (!master.address.is_numeric()) look_up(node, master.address);
  }
  for (const auto& [name, master] : noted_masters_) {
    if (gone_.size() < limits::known_nodes_max) gone_.insert(name);
  }
  for (const auto& [name, master] : masters) gone_.erase(name);
  noted_masters_ = masters;
  registered_digest_ = 0;
  if (node_ == nullptr) return;  // they are known from the coordinator
  asio::post(loop_, [this, others] { node_->set_masters(others); });
}

// Stores the masters for the next start.
void ClusterMember::keep_masters() {
  if (!masters_file_) return;
  std::pair kept(view_.cluster, reachable_);
  if (kept == kept_masters_) return;
  kept_masters_ = std::move(kept);
  wire::Masters file{.cluster = fmt::format("{}", view_.cluster),
                     .node = std::string(options_.node.name()),
                     .primary = {},
                     .term = view_.term,
                     .masters = {}};
  for (const auto& [name, master] : reachable_) {
    file.masters.push_back(
        {.name = name, .control = master.address.to_string(), .listen = {}, .votes = votes(name)});
  }
  masters_file_->keep(wire::to_json(file) + '\n');
}

bool ClusterMember::is_recording_masters() const {
  const auto level = std::max(feature_level(), view_.features_of_all);
  return is_primary() && masters().empty() && level >= wire::features::agreed_state;
}

// The duty of a primary with a coordinator: workers are told of the masters by the state, which
// lists those that have taken part. Others make room for those that do now, and for the one that
// leads in any case: workers leave a master that is not listed.
void ClusterMember::list_masters() {
  if (feature_level() < wire::features::agreed_state) return;
  const auto& masters = registry_.state().masters;
  const std::string own(options_.node.name());
  std::map<std::string, Endpoint> present{{own, control_}};
  for (const auto& [name, master] : view_.masters) present.emplace(name, master.control);
  if (masters.empty()) {
    // All at once.
    SetMasters first;
    first.masters[own].address = control_;
    for (const auto& [name, control] : present) {
      if (first.masters.size() < limits::masters_max) first.masters[name].address = control;
    }
    return commit_alone(changing_masters_, std::move(first));
  }
  if (!masters.contains(own)) {
    if (masters.size() < limits::masters_max) {
      return commit_alone(changing_masters_,
                          AdmitMaster{.name = own, .master = {.address = control_}});
    }
    const auto absent = std::find_if(masters.begin(), masters.end(), [&](const auto& known) {
      return !present.contains(known.first);
    });
    const auto& leaves = absent != masters.end() ? absent->first : masters.rbegin()->first;
    return commit_alone(changing_masters_, ExpelMaster{leaves});
  }
  for (const auto& [name, control] : present) {
    const auto known = masters.find(name);
    if (known != masters.end() && known->second.address == control) continue;
    if (known != masters.end() || masters.size() < limits::masters_max) {
      return commit_alone(changing_masters_,
                          AdmitMaster{.name = name, .master = {.address = control}});
    }
    for (const auto& [absent, record] : masters) {
      if (!present.contains(absent)) return commit_alone(changing_masters_, ExpelMaster{absent});
    }
  }
}

// Duties of a primary: to record the founding masters, once, and to remove masters that have been
// replaced.
void ClusterMember::tend_masters() {
  if (feature_level() < wire::features::agreed_state) return;
  const auto& masters = registry_.state().masters;
  if (masters.empty()) {
    SetMasters founders;
    founders.masters[std::string(options_.node.name())].address = control_;
    for (const auto& [node, control] : options_.peers) {
      founders.masters[std::string(node.name())].address = control;
    }
    return commit_alone(changing_masters_, std::move(founders));
  }
  for (const auto& [name, master] : masters) {
    const bool is_over =
        master.replaces != name && masters.contains(master.replaces) && votes(name);
    if (is_over) return commit_alone(changing_masters_, ExpelMaster{master.replaces});
  }
}

}  // namespace tandem::master
