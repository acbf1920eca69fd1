#include "master/cluster/agreement.hpp"

#include "common/base/log.hpp"
#include "common/core/limits.hpp"
#include "common/wire/limits.hpp"

namespace tandem::master {

void Agreement::applied(const wire::StateDigest& ours) {
  if (!ours_.empty() && ours.index.value() != ours_.back().index.value() + 1) ours_.clear();
  ours_.push_back(ours);
  if (ours_.size() > limits::uncommitted_entries_max) ours_.pop_front();
  for (auto place = ahead_.begin(); place != ahead_.end();) {
    const auto current = place++;
    if (current->second.index > ours.index) continue;
    const auto claim = *current;
    ahead_.erase(current);
    judge(claim.first, claim.second);
  }
}

void Agreement::restored(const wire::StateDigest& ours) {
  ours_.clear();
  differing_.clear();
  applied(ours);
}

// Of claims about entries that are not applied here yet, the first is kept: with later ones the
// comparison would be postponed for as long as there are changes.
void Agreement::heard(const core::NodeId& node, const wire::StateDigest& theirs) {
  if (ours_.empty() || theirs.index > ours_.back().index) {
    if (ahead_.size() < limits::known_nodes_max) ahead_.emplace(node, theirs);
    return;
  }
  judge(node, theirs);
}

void Agreement::judge(const core::NodeId& node, const wire::StateDigest& theirs) {
  if (ours_.empty() || theirs.index < ours_.front().index) return;
  const auto& ours = ours_[theirs.index.value() - ours_.front().index.value()];
  TANDEM_ASSERT(ours.index == theirs.index);
  if (ours.term != theirs.term) return;
  if (ours.digest == theirs.digest) {
    if (differing_.erase(node) == 0) return;
    log::info("state agrees again with={} index={}", node, theirs.index);
    return;
  }
  const Difference difference{theirs.index, ours.digest, theirs.digest};
  const auto [known, is_new] = differing_.insert_or_assign(node, difference);
  if (!is_new) return;
  log::error("state differs from={} index={} ours={:016x} theirs={:016x}", node, theirs.index,
             ours.digest, theirs.digest);
}

}  // namespace tandem::master
