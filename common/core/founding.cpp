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
  const bool first = *std::min_element(masters_.begin(), masters_.end()) == self_;
  return first && new_masters_.size() + 1 == masters_.size();
}

}  // namespace tandem::core
