// durable_log.hpp: a member's log on its disk, as the shell uses it: opened and checked at the
// start, then written by a thread of its own, which posts its results to the loop.
//
// A log with content that cannot be applied is set aside if other members have the state: this
// member then joins as a new one, and fetches the state from them (R9).
//
// Owner: the thread that runs `loop`: it calls all functions, and all hooks are called on it. Only
// open() may be called by any one thread before that.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include <boost/asio/io_context.hpp>

#include "common/base/histogram.hpp"
#include "common/base/result.hpp"
#include "common/cluster/cluster_options.hpp"
#include "common/storage/log_writer.hpp"

namespace tandem::cluster {

// The interval at which a disk that refuses writes is tried again: often enough that nobody waits
// for it, and rarely enough to cost nothing.
inline constexpr Duration disk_retry = 1s;

// After so long without a write the disk is tried, so that a full one is known before a vote is
// needed: each costs an fsync.
inline constexpr Duration disk_proof = 3s;

class DurableLog {
 public:
  struct Hooks {
    // This write, and every one before it, is on the disk.
    std::function<void(core::WriteNumber)> durable;
    // The disk refuses writes, and they are dropped. Called again every disk_retry.
    std::function<void(const Error&)> failed;
    // The disk can be written again: the next write must replace everything on it.
    std::function<void()> works;
  };

  // Both outlive it.
  DurableLog(boost::asio::io_context& loop, const ClusterOptions& options);
  ~DurableLog();

  // Does nothing without a directory. Errors: as storage::LogStore::open(); `invalid` for content
  // that cannot be applied, naming it.
  Result<> open();
  core::IncarnationId incarnation() const { return incarnation_; }  // 0 before open()
  // The state to begin with, before the first apply; null: none.
  const core::SnapshotPointer& stored_snapshot() const { return stored_snapshot_; }
  // What it held when it was opened. REQUIRES: has not been called before.
  core::Stored take_stored() { return std::move(stored_); }

  // Begins to write. REQUIRES: open() succeeded.
  void start(Hooks hooks);
  // False when there is no directory, so that the write is as durable as it will ever be. REQUIRES:
  // start() was called; numbers grow.
  bool write(core::Write write);
  // No hook is called any more.
  void stop();
  // How long its commits took, each with its fsync. Any thread.
  const Histogram& commits() const { return commits_; }
  // How often the disk refused a write, or to be opened again. Any thread.
  std::uint64_t failures() const { return failures_.value(); }

 private:
  Result<> take();

  boost::asio::io_context& loop_;
  const ClusterOptions& options_;
  core::IncarnationId incarnation_;
  core::Stored stored_;
  core::SnapshotPointer stored_snapshot_;
  Histogram commits_;                           // the writer's thread
  Counter failures_;                            // the writer's thread
  std::optional<storage::LogStore> store_;      // until start()
  std::unique_ptr<storage::LogWriter> writer_;  // from then on; null: only in memory
  // Shared, so that what the writer's thread posts is dropped after stop().
  std::shared_ptr<Hooks> hooks_;
};

}  // namespace tandem::cluster
