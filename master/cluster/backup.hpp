// backup.hpp: the replicated state in a file, for the day on which all disks are lost.
//
//   {"tandem_backup": 1, "cluster": "4711", "term": 7, "index": 120,
//    "state": {"format": 2, "joined": [...], "drained": [...], "weights": {...}, "added": [...],
//              "routes": [...], "removed": [...], "settings": [...]}}
//
// The state is as snapshots have it (cluster_state.hpp), but for the cluster's secret, which is not
// there: a cluster that is founded from it is another one, makes a secret of its own, and so no
// master of the old one can prove a term to its workers. Workers get their new keys with their next
// heartbeat; clients with sticky cookies are dealt anew once.
//
// What is not there either: promises and votes. A data directory holds those, which is why a copy
// of one must never be brought back, and a backup may.
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
  LogIndex index;       // the state is that after it
  ClusterState state;
};

// Indented, for people. The secret is left out.
std::string to_json(const Backup& backup);
// Errors: `invalid`, naming the member at fault; `conflict` for what a later version has written.
Result<Backup> parse_backup(std::string_view json);

// What founds a cluster of it, whose terms lie far above the backup's: the old cluster went on
// after it, and workers remember its terms.
core::Restoration restoration_of(const Backup& backup);
// Of that file. Errors: `invalid`, naming the file and what is wrong with it.
Result<std::shared_ptr<const core::Restoration>> read_restoration(const std::string& file,
                                                                  wire::FeatureLevel features_max);

}  // namespace tandem::master
