// log_writer.hpp: the durable log's thread: takes writes in order, puts all that wait into one
// commit, and says what is on the disk.
//
// So a slow disk delays answers and nothing else, and under load an fsync is shared by many
// entries. After a failure the database is closed, and opened anew until it takes writes again.
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
    // The disk refused: of the writes that were not reported durable nothing is known, and what
    // comes is dropped. Called again each time that another attempt to write has failed.
    std::function<void(Error)> failed;
    // The disk can be written again, and holds what nobody knows: call resume(), then write() what
    // replaces all of it.
    std::function<void()> works;
  };

  // Of a disk that refuses it tries each `retry` whether that is over.
  LogWriter(LogStore store, Hooks hooks, Duration retry = 1s);
  // Writes what waits, then ends; no hook is called after it returned.
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
