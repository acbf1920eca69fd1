// kept_file.hpp: a small file with the newest state of something, written by a thread of its own.
//
// The caller never waits for the disk: one that hangs would hold up heartbeats, or the control
// loop. Content that arrives while the disk is busy replaces the content that waits. A failed write
// is repeated until it succeeds, because the next start may need the content.
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
  // Called with the reason why the file cannot be written, once for each reason, and with an empty
  // text when it could be written again. On the file's thread.
  using News = std::function<void(const std::string& failure)>;

  KeptFile(std::string path, News news, Duration retry = 1s);
  // Waits for a write that is under way, and makes one attempt to write content that waits.
  ~KeptFile();
  KeptFile(const KeptFile&) = delete;
  KeptFile& operator=(const KeptFile&) = delete;

  void keep(std::string content);

 private:
  class Body;
  std::unique_ptr<Body> body_;
};

}  // namespace tandem::storage
