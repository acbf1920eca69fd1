// backup.hpp: the replicated state in a file, for the day on which all disks are lost.
//
//   {"tandem_backup": 1, "cluster": "4711", "term": 7, "index": 120,
//    "state": {"format": 2, "joined": [...], "drained": [...], "weights": {...}, "added": [...],
//              "routes": [...], "removed": [...], "settings": [...]}}
//
// The state is that of a snapshot (cluster_state.hpp) without the cluster's secret: a cluster that
// is founded from it is a new one with a secret of its own, so no master of the old one can prove a
// term to its workers. Workers get new keys with their next heartbeat; clients with sticky cookies
// are assigned to workers anew once.
//
// It has no promises and votes either. A data directory has those, which is why a copy of one must
// never be restored, while a backup may.
//
// Owner: values and pure functions, any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.hpp"
#include "common/core/options.hpp"
#include "master/registry/cluster_state.hpp"

namespace tandem::master {

struct Backup {
  std::string cluster;  // its id, for people
  Term term;            // of the entry at `index`
  LogIndex index;       // the entry after which this is the state
  ClusterState state;
};

// Indented, for people. The secret is left out.
std::string to_json(const Backup& backup);
// Errors: `invalid`, naming the member at fault; `conflict` for a file that a later version has
// written.
Result<Backup> parse_backup(std::string_view json);

// The state from which a new cluster is founded. Its terms lie far above the backup's, because the
// old cluster continued after the backup, and workers remember its terms.
core::Restoration restoration_of(const Backup& backup);
// Reads the backup file. Errors: `invalid`, naming the file and what is wrong with it.
Result<std::shared_ptr<const core::Restoration>> read_restoration(const std::string& file,
                                                                  wire::FeatureLevel features_max);

}  // namespace tandem::master
