// durable_log.hpp: a member's log on its disk, as the shell needs it: opened and judged at the
// start, written by a thread of its own afterwards, its news posted back to the loop.
//
// A log that holds what cannot be applied is set aside where others have the state: the member then
// is a new one, which fetches it from them (R9).
//
// Owner: the thread that runs `loop`, which calls all of it and is called back by all hooks, but
// for open(), which may be called before by any one thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include <boost/asio/io_context.hpp>

#include "common/base/result.hpp"
#include "common/cluster/cluster_options.hpp"
#include "common/storage/log_writer.hpp"

namespace tandem::cluster {

// Of a disk that refuses, whether that is over: often enough that nobody waits for it, seldom
// enough to be nothing beside what filled the disk.
inline constexpr Duration disk_retry = 1s;

class DurableLog {
 public:
  struct Hooks {
    // This write, and every one before it, is on the disk.
    std::function<void(core::WriteNumber)> durable;
    // The disk refuses, and what is written is dropped. Again each disk_retry.
    std::function<void(const Error&)> failed;
    // It can be written again: the next write must replace all that it holds.
    std::function<void()> works;
  };

  // Both outlive it.
  DurableLog(boost::asio::io_context& loop, const ClusterOptions& options);
  ~DurableLog();

  // Without a directory there is nothing to open. Errors: as storage::LogStore::open(); `invalid`
  // for what cannot be applied, naming it.
  Result<> open();
  core::IncarnationId incarnation() const { return incarnation_; }  // 0 before open()
  // The state to begin with, before the first apply; null: none.
  const core::SnapshotPointer& stored_snapshot() const { return stored_snapshot_; }
  // What it held when it was opened. REQUIRES: has not been called before.
  core::Stored take_stored() { return std::move(stored_); }

  // Begins to write. REQUIRES: open() succeeded.
  void start(Hooks hooks);
  // False when it was kept in memory alone, which is as durable as that gets.
  // REQUIRES: start() was called; numbers grow.
  bool write(core::Write write);
  // No hook is called any more.
  void stop();

 private:
  Result<> take();

  boost::asio::io_context& loop_;
  const ClusterOptions& options_;
  core::IncarnationId incarnation_;
  core::Stored stored_;
  core::SnapshotPointer stored_snapshot_;
  std::optional<storage::LogStore> store_;      // until start()
  std::unique_ptr<storage::LogWriter> writer_;  // from then on; null: in memory alone
  // What the writer's thread posts must not reach one that has stopped.
  std::shared_ptr<Hooks> hooks_;
};

}  // namespace tandem::cluster
