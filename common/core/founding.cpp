#include "common/core/founding.hpp"

#include <algorithm>

#include "common/base/assert.hpp"

namespace tandem::core {

Founding::Founding(const NodeId& self, std::vector<NodeId> masters)
    : self_(self), masters_(std::move(masters)) {
  TANDEM_ASSERT(!self.empty());
  TANDEM_ASSERT(masters_.empty() || std::count(masters_.begin(), masters_.end(), self) == 1);
}

void Founding::heard_new(const NodeId& master) {
  TANDEM_ASSERT(master != self_);
  if (std::count(masters_.begin(), masters_.end(), master) == 0) return;
  new_masters_.insert(master);
  TANDEM_ASSERT(new_masters_.size() < masters_.size());
}

bool Founding::may_found() const {
  if (masters_.empty() || exists_) return false;
  TANDEM_ASSERT(new_masters_.count(self_) == 0);
  return founder() == self_ && unheard().empty();
}

std::vector<NodeId> Founding::unheard() const {
  std::vector<NodeId> unheard;
  for (const auto& master : masters_) {
    if (master != self_ && !new_masters_.contains(master)) unheard.push_back(master);
  }
  return unheard;
}

NodeId Founding::founder() const {
  TANDEM_ASSERT(!masters_.empty());
  return *std::min_element(masters_.begin(), masters_.end());
}

}  // namespace tandem::core
