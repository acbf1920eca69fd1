// The part of EtcdCoordination that knows what to do when etcd does not hold any more what it held:
// it was started with empty data, or from an older backup, or somebody has deleted the keys.
//
// A master does not forget what it knows because etcd has, and writes nothing of it there. The
// primary forwards on, since nobody of its cluster can take the lead from it; masters that are
// started now begin anew with what etcd holds, and one of those leads. When it does, the others
// pass requests on to it.
#include <boost/asio.hpp>

#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "master/coordinator/etcd_coordination.hpp"
#include "master/coordinator/limits.hpp"

namespace tandem::master {

std::string EtcdCoordination::why_lost(const CoordinatorLook& look) const {
  constexpr auto what_to_do =
      "restart the masters, one after the other, to begin anew with what it holds now";
  if (!lost_why_.empty()) return lost_why_;
  if (look.revision < seen_) {
    return fmt::format("etcd has lost what it held, or is another one: {}", what_to_do);
  }
  if (cluster_ == 0 || look.cluster == cluster_) return {};
  if (look.cluster == 0) return fmt::format("etcd has lost what it held: {}", what_to_do);
  return fmt::format("etcd holds cluster {}, and this master belongs to cluster {}: {}",
                     look.cluster, cluster_, what_to_do);
}

// Not one that a backup told of, whose lease nobody renews. Workers register with it meanwhile, and
// leave this master, which calls none down before three heartbeats are missed.
bool EtcdCoordination::is_lasting(const CoordinatorLook::Leader& leader) {
  if (other_leader_ != leader) {
    other_leader_ = leader;
    other_leader_since_ = now();
  }
  const auto least =
      was_vacant_ ? spec_.worker_heartbeat * 3 / 2 : 2 * coordinator_lease_end(options_.timing);
  return now() - other_leader_since_ >= least;
}

void EtcdCoordination::note_loss(CoordinatorLook look) {
  leader_.reset();
  leader_revision_ = 0;
  const bool is_other = look.leader && look.leader->node != options_.node;
  if (!is_other) other_leader_.reset();
  if (!look.leader) was_vacant_ = true;
  if (is_other && (is_lasting(*look.leader) || primary_.empty())) {
    masters_ = std::move(look.masters);
    if (leads()) step_down(fmt::format("{} leads", look.leader->node));
    if (primary_ != look.leader->node) take_role(core::Role::follower, look.leader->node);
  } else if (leads()) {
    // This was asked for a moment ago.
    lost_until_ = now() + limits::coordinator_outage_step;
  }
  refresh_gate();
}

}  // namespace tandem::master
