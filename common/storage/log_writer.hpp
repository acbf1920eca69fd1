// log_writer.hpp: the durable log's thread: takes writes in order, puts all waiting ones into one
// commit, and reports what is on the disk.
//
// So a slow disk delays only answers, and under load many entries share an fsync. After a failure
// the database is closed, and reopened until it accepts writes again. When there is nothing to
// write for a while, a commit that changes nothing finds out whether the disk still can: a member
// that could not vote any more must not look as if it could.
#pragma once

#include <functional>
#include <memory>

#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "common/core/outputs.hpp"
#include "common/storage/log_store.hpp"

namespace tandem::storage {

class LogWriter {
 public:
  struct Hooks {
    // This write, and every one before it, is on the disk. Called on the writer's thread.
    std::function<void(core::WriteNumber)> durable;
    // The disk refused a write: the fate of the writes that were not reported durable is unknown,
    // and further writes are dropped. Called again after each failed attempt to recover.
    std::function<void(Error)> failed;
    // The disk can be written again, and its content is unknown: call resume(), then write() with a
    // write that replaces everything.
    std::function<void()> works;
    // How long a commit took, with its fsync. Called on the writer's thread; may be empty.
    std::function<void(Duration)> committed{};
  };

  // `retry`: the interval at which it tries a disk that refuses writes; `proof`: after so long
  // without a write it finds out whether the disk can be written.
  LogWriter(LogStore store, Hooks hooks, Duration retry = 1s, Duration proof = 3s);
  // Writes what waits, then ends; no hook is called after it has returned.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // REQUIRES: numbers grow. Any one thread. Dropped between a failure and resume().
  void write(core::Write write);
  // REQUIRES: `works` was called, and not `failed` since. The thread of write().
  void resume();

 private:
  class Body;
  std::unique_ptr<Body> body_;
};

}  // namespace tandem::storage
