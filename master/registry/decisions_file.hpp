// decisions_file.hpp: the operators' decisions in the data directory.
//
// A file that cannot be understood is refused and left as it is: it holds what somebody decided,
// and a person can still read it.
#pragma once

#include "common/base/result.hpp"
#include "master/registry/data_directory.hpp"
#include "master/registry/decisions.hpp"

namespace tandem::master {

// The decisions of last time; none when there is no file yet.
// Errors: `invalid`, one sentence naming the file and what to do about it; `io`.
Result<Decisions> load_decisions(const DataDirectory& directory);

// On the disk when this returns. Blocks for an fsync: operators decide rarely.
Result<> save_decisions(const DataDirectory& directory, const Decisions& decisions);

}  // namespace tandem::master
