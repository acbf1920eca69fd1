// coordinator_look.hpp: what a master reads from etcd at once: who leads, who takes part, and the
// changes that it does not have yet.
//
// Pure; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "common/base/result.hpp"
#include "master/coordinator/documents.hpp"
#include "master/coordinator/etcd_words.hpp"

namespace tandem::master {

struct CoordinatorLook {
  struct Leader {
    core::NodeId node;
    std::uint64_t revision = 0;  // at which its key was created
    std::uint64_t lease = 0;
    friend bool operator==(const Leader&, const Leader&) = default;
  };

  std::uint64_t revision = 0;  // of etcd
  std::optional<Leader> leader;
  std::map<core::NodeId, MasterDocument> masters;
  std::uint64_t cluster = 0;  // its id; 0: there is none yet
  std::uint64_t terms_above = 0;
  std::optional<core::NodeId> successor;
  std::optional<StatePlace> state;   // the last snapshot
  std::vector<core::Entry> changes;  // in order, those asked for
  bool more = false;                 // there are more changes
};

// Adds the reads of a look, with the changes behind `last`.
EtcdTxn& read_look(EtcdTxn& txn, const CoordinatorKeys& keys, LogIndex last);

// Errors: `invalid`, naming the key. REQUIRES: `answer` is to a transaction with those reads alone
Result<CoordinatorLook> take_look(const CoordinatorKeys& keys, EtcdTxnAnswer answer);

}  // namespace tandem::master
