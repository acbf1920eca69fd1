// log.hpp: the replicated log in a node's memory: a snapshot's edge, then consecutive entries.
//
// It knows the configuration in force after each prefix, because cutting off a suffix may remove
// the newest configuration. Durability is not its concern: node.hpp tracks what has reached the
// disk.
//
// Units: LogIndex counts entries from 1. Owner: one Node. Always: entries are consecutive from
// snapshot_index() + 1, and their terms never fall.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "common/core/entry.hpp"

namespace tandem::core {

class Log {
 public:
  Log() : configurations_{{LogIndex(0), Configuration{}}} {}
  // REQUIRES: entries are consecutive from snapshot.index + 1 and their terms never fall.
  Log(const Snapshot& snapshot, std::vector<Entry> entries);

  LogIndex snapshot_index() const { return snapshot_index_; }
  LogIndex last_index() const { return LogIndex(snapshot_index_.value() + entries_.size()); }
  Term last_term() const { return entries_.empty() ? snapshot_term_ : entries_.back().term; }
  std::size_t size() const { return entries_.size(); }

  // The term of the entry at `index`; none when it lies before the snapshot's edge or after the
  // end.
  std::optional<Term> term_at(LogIndex index) const;
  // REQUIRES: snapshot_index() < index <= last_index()
  const Entry& at(LogIndex index) const;
  // Up to `count_max` entries from `from` on, whose commands hold at most `bytes_max` bytes, at
  // least one.
  std::vector<Entry> slice(LogIndex from, std::size_t count_max, std::size_t bytes_max) const;

  std::vector<Entry> all() const { return {entries_.begin(), entries_.end()}; }

  // The last index before the run of entries that have the term of the one at `index`. REQUIRES: as
  // at().
  LogIndex before_term_of(LogIndex index) const;

  // REQUIRES: entry.index == last_index() + 1, entry.term >= last_term()
  void append(Entry entry);
  // Drops the entries from `index` on. REQUIRES: index > snapshot_index()
  void truncate_from(LogIndex index);
  // Drops the entries up to the snapshot; all of them when the log does not hold the snapshot's
  // entry. REQUIRES: snapshot.index >= snapshot_index()
  void compact_to(const Snapshot& snapshot);
  // Drops all entries and begins at the snapshot.
  void reset_to(const Snapshot& snapshot);

  // The newest configuration, committed or not, and the index of its entry.
  const Configuration& configuration() const { return configurations_.back().second; }
  LogIndex configuration_index() const { return configurations_.back().first; }
  // The configuration in force at `index`. REQUIRES: index >= snapshot_index()
  const Configuration& configuration_at(LogIndex index) const;

  // True when the configuration at the snapshot's edge, or a later one, says that three nodes have
  // voted.
  bool was_ever_protected() const;

  // True when a log that ends with (index, term) is at least as complete as this one (R4).
  bool is_covered_by(LogIndex index, Term term) const;
  // True when a log that ends with (index, term) is more complete than this one.
  bool is_behind(LogIndex index, Term term) const;

 private:
  LogIndex snapshot_index_;
  Term snapshot_term_;
  std::deque<Entry> entries_;
  std::vector<std::pair<LogIndex, Configuration>> configurations_;  // oldest first, never empty
};

}  // namespace tandem::core
