// kept_file.hpp: a small file that follows what a program knows, written by a thread of its own.
//
// Who keeps it never waits for the disk: one that hangs would hold up heartbeats, or the control
// loop. What comes while the disk is busy replaces what waits. A write that failed is tried again
// until it succeeds, for what it says may be needed at the next start.
//
// Any thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/base/result.hpp"
#include "common/base/time.hpp"

namespace tandem::storage {

class KeptFile {
 public:
  // Why it cannot be written, once for each reason; and nothing, when it could be again. Called on
  // the file's thread.
  using News = std::function<void(const std::string& failure)>;

  KeptFile(std::string path, News news, Duration retry = 1s);
  // Waits for a write that is under way, and begins no other but the first attempt of what waits.
  ~KeptFile();
  KeptFile(const KeptFile&) = delete;
  KeptFile& operator=(const KeptFile&) = delete;

  void keep(std::string content);

 private:
  class Body;
  std::unique_ptr<Body> body_;
};

}  // namespace tandem::storage
