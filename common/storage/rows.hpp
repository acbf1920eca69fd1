// rows.hpp: converts the rows of the three tables to and from the core's values, each with its
// checksum.
//
// Reading trusts nothing: a row with a wrong checksum or text is an Error that names the row.
// Owner: that of the statement's connection. Internal to this folder.
#pragma once

#include "common/core/outputs.hpp"
#include "common/storage/sqlite.hpp"

namespace tandem::storage {

inline constexpr const char* kPutMeta =
    "INSERT OR REPLACE INTO meta"
    " (id, incarnation, cluster, term, vote_node, vote_incarnation, checksum)"
    " VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6)";
inline constexpr const char* kPutEntry =
    "INSERT INTO entry (log_index, term, body, checksum) VALUES (?1, ?2, ?3, ?4)";
inline constexpr const char* kPutSnapshot =
    "INSERT OR REPLACE INTO snapshot (id, log_index, term, configuration, bytes, checksum)"
    " VALUES (1, ?1, ?2, ?3, ?4, ?5)";

// Each runs its statement, prepared from the text above, and returns the result of step().
int put_meta(Statement& statement, core::IncarnationId incarnation, const core::HardState& state);
int put_entry(Statement& statement, const core::Entry& entry);
int put_snapshot(Statement& statement, const core::Snapshot& snapshot);

struct Meta {
  core::IncarnationId incarnation;
  core::HardState hard_state;
};

// Read the tables, which must hold one row of meta, at most one snapshot, and entries that follow
// it, with terms that never fall and do not exceed the hard state's. Errors: `invalid` with what is
// wrong ("entry 14 is not what was written"), `io`.
Result<Meta> read_meta(Connection& connection);
Result<core::SnapshotPointer> read_snapshot(Connection& connection);
Result<std::vector<core::Entry>> read_entries(Connection& connection,
                                              const core::Snapshot* snapshot, Term term_max);

}  // namespace tandem::storage
