// log.hpp: one line for each request that is chosen (--access-log), written by a thread of its own.
//
// A loop copies an entry into its ring (ring.hpp) and goes on; this thread empties the rings every
// few milliseconds, chooses (filter.hpp), turns entries into lines (line.hpp) and writes many at
// once (file.hpp). Entries that find no room in a ring or on the disk are lost and counted: a
// warning says how many, at most once a second. The lines of one loop are in the order in which its
// requests ended.
//
// The file is opened again by reopen() (SIGHUP), and within a second after it was moved away.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/base/mutex.hpp"
#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "master/forward/access_log/file.hpp"
#include "master/forward/access_log/line.hpp"
#include "master/forward/access_log/options.hpp"
#include "master/forward/access_log/ring.hpp"

namespace tandem::master {

class AccessLog {
 public:
  // `loops`: how many rings. Errors: `invalid`.
  static Result<std::unique_ptr<AccessLog>> open(AccessLogOptions options, unsigned loops);
  // Writes what is still in the rings, then ends the thread. REQUIRES: the loops have ended.
  ~AccessLog();
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  // The ring of one loop, for as long as this object lives.
  AccessRing& ring(unsigned loop) { return *rings_.at(loop); }
  // What entries must have, besides the usual fields.
  const AccessFields& fields() const { return fields_; }
  // Opens the file again, soon. Callable from any thread.
  void reopen();
  // Requests of which no line was written. Callable from any thread.
  std::uint64_t lost() const;

 private:
  AccessLog(AccessFile file, const AccessLogOptions& options, unsigned loops);
  void run();
  void write_entries();
  void write_lines();
  void open_anew();
  void warn_of_losses();

  AccessFile file_;
  const AccessFields fields_;
  AccessFilter filter_;
  AccessLineFormat format_;
  std::string lines_;
  std::vector<std::unique_ptr<AccessRing>> rings_;
  std::atomic<std::uint64_t> unwritten_{0};  // lines that could not be written
  int error_ = 0;                            // why, the last time
  std::uint64_t warned_of_ = 0;
  Instant looked_at_;  // when losses and rotation were last looked for
  Mutex mutex_;        // for what follows; no loop takes it
  std::condition_variable wake_;
  bool reopen_ TANDEM_GUARDED_BY(mutex_) = false;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace tandem::master
