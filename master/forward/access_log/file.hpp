// file.hpp: the file, pipe or terminal that the access log goes to.
//
// Lines are appended (O_APPEND), so that a file that somebody truncates goes on from its new end. A
// write that fails half-way leaves a torn line; the next one begins on a line of its own. Owner:
// the thread that writes the log.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/patient_writer.hpp"
#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "master/forward/access_log/limits.hpp"

namespace tandem::master {

class AccessFile {
 public:
  // "-" is the standard output. Errors: `invalid`, a sentence with the path and the system's
  // reason.
  static Result<AccessFile> open(std::string path);
  AccessFile(AccessFile&& other) noexcept;
  AccessFile& operator=(AccessFile&&) = delete;
  ~AccessFile();

  // Opens the path anew, and makes the file when it is not there. On an error the old one stays.
  Result<> reopen();
  // The path names another file than the open one, or none: it was rotated.
  bool was_moved() const;

  struct Written {
    std::uint64_t lines_lost = 0;
    int error = 0;  // errno when lines were lost
  };
  // Writes whole lines. Waits for a reader that is slow (a pipe); once `stopping` is set no longer
  // than limits::access_log_close_max, in all calls together.
  Written write(std::string_view lines, const std::atomic<bool>& stopping);

 private:
  explicit AccessFile(std::string path) : path_(std::move(path)) {}

  std::string path_;
  int descriptor_ = -1;
  PatientWriter writer_{limits::access_log_close_max};
  bool torn_ = false;
};

}  // namespace tandem::master
