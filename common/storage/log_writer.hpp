// log_writer.hpp: the durable log's thread: takes writes in order, puts all that wait into one
// commit, and says what is on the disk.
//
// So a slow disk delays answers and nothing else, and under load an fsync is shared by many
// entries.
#pragma once

#include <functional>
#include <memory>

#include "common/base/result.hpp"
#include "common/core/outputs.hpp"
#include "common/storage/log_store.hpp"

namespace tandem::storage {

class LogWriter {
 public:
  struct Hooks {
    // This write, and every one before it, is on the disk. Called on the writer's thread.
    std::function<void(core::WriteNumber)> durable;
    // The disk refused; nothing more is written. Called once, on the writer's thread.
    std::function<void(Error)> failed;
  };

  LogWriter(LogStore store, Hooks hooks);
  // Writes what waits, then ends; no hook is called after it returned.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // REQUIRES: numbers grow. Any one thread. After a failure it is dropped.
  void write(core::Write write);

 private:
  class Body;
  std::unique_ptr<Body> body_;
};

}  // namespace tandem::storage
