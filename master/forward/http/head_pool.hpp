// head_pool.hpp: parsed heads for reuse: their vectors have grown to the size that requests here
// need, so that in the steady state parsing allocates nothing. Owner: one loop.
#pragma once

#include <memory>
#include <vector>

#include "master/forward/io/limits.hpp"

namespace tandem::master {

template <class Head>
class HeadPool {
 public:
  // A clear head. REQUIRES: it is returned by give_back()
  Head& borrow() {
    if (spare_.empty()) return *new Head();
    Head* head = spare_.back().release();
    spare_.pop_back();
    return *head;
  }
  void give_back(Head& head) {
    std::unique_ptr<Head> owned(&head);
    if (spare_.size() == limits::spare_buffers_max) return;
    owned->clear();
    spare_.push_back(std::move(owned));
  }

 private:
  std::vector<std::unique_ptr<Head>> spare_;
};

}  // namespace tandem::master
