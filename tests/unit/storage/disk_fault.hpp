// disk_fault.hpp: a disk that refuses at any call that is chosen. This program's own open, pwrite,
// fdatasync and so on stand in front of the C library's, so the code under test is what ships:
// SQLite's calls and the standard library's are caught as well as ours.
//
// Without a DiskFault in force they do what the system does. One at a time, for all threads.
#pragma once

#include <cerrno>
#include <cstdint>
#include <functional>
#include <string>

namespace tandem::storage {

class DiskFault {
 public:
  enum class Calls { all, syncs };
  enum class Form {
    error,        // the call does nothing, and fails
    short_write,  // a write does its first half, and says so; other calls are done
    hang,         // the call waits until lift(), and is done then
  };
  struct Plan {
    std::string below = {};    // of files whose path begins so; empty: all
    std::string named = {};    // and ends so
    Calls calls = Calls::all;  // of those that are counted
    std::uint64_t number = 1;  // the first that is at fault
    bool lasts = false;        // so are all after it
    Form form = Form::error;
    int error = EIO;
    // After each successful sync, with the path of what was synced.
    std::function<void(const std::string&)> synced = {};
  };

  explicit DiskFault(Plan plan);
  ~DiskFault();
  DiskFault(const DiskFault&) = delete;
  DiskFault& operator=(const DiskFault&) = delete;

  // From now on calls are counted, and do what they should.
  void lift();
  // How many there have been, those at fault among them.
  std::uint64_t calls() const;
  // Whether one was at fault; for Form::hang, whether one waits or has waited.
  bool has_struck() const;
  // What it was, for a test that fails: "pwrite /tmp/x/cluster.db-wal".
  std::string struck() const;
};

// How many calls of fsync and fdatasync there have been in this process, failed or not.
std::uint64_t syncs();

}  // namespace tandem::storage
