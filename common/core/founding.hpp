// founding.hpp: how a cluster comes to be, once.
//
// Of the masters that were given each other's names, the first by name founds the cluster, alone in
// its first configuration, and then admits the others like any member. It does so only after every
// one of them has said that it has no log either. So a founder that lost its disk does not found a
// second cluster: some master that remembers the first tells it so, or is not there to be asked,
// and then it waits.
//
// Owner: one Node, until it has a log.
#pragma once

#include <set>
#include <vector>

#include "common/core/ids.hpp"

namespace tandem::core {

class Founding {
 public:
  // REQUIRES: masters names `self`, or is empty (a witness, which never founds)
  Founding(const NodeId& self, std::vector<NodeId> masters);

  // What a master said about itself. A cluster that exists is never founded again.
  void heard(const NodeId& master, bool belongs);
  // A worker remembers a term, so a cluster exists.
  void heard_of_cluster() { exists_ = true; }
  bool may_found() const;

 private:
  NodeId self_;
  std::vector<NodeId> masters_;
  std::set<NodeId> new_masters_;  // those that said they have no log
  bool exists_ = false;
};

}  // namespace tandem::core
