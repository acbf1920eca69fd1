// founding.hpp: how a cluster is founded, once.
//
// Of the masters that were started with each other's names, the first by name founds the cluster,
// alone in its first configuration, and then admits the others like any member. It does so only
// after each of them has answered that it has no log either. So a founder that lost its disk does
// not found a second cluster: a master that remembers the first one says so, or cannot be reached,
// and then the founder waits.
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

  // A master has answered that it has no log.
  void heard_new(const NodeId& master);
  // A master has a log, or a worker remembers a term: a cluster exists, and none is founded again.
  void heard_of_cluster() { exists_ = true; }
  bool may_found() const;

  bool knows_of_cluster() const { return exists_; }
  // The other masters that have not answered yet that they are new.
  std::vector<NodeId> unheard() const;
  NodeId founder() const;  // REQUIRES: there are masters

 private:
  NodeId self_;
  std::vector<NodeId> masters_;
  std::set<NodeId> new_masters_;  // those that answered that they have no log
  bool exists_ = false;
};

}  // namespace tandem::core
