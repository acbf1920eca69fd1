// sync_fault.hpp: a disk whose fdatasync fails when it is told to. This program's own fdatasync and
// fsync stand in front of the C library's, so the code under test, SQLite included, is what ships.
#pragma once

namespace tandem::storage {

// While it lives, fdatasync and fsync fail with EIO: all of this program's, or those of the
// database itself, which only emptying the write-ahead log syncs.
class SyncFault {
 public:
  enum class Of { everything, database };
  explicit SyncFault(Of of = Of::everything);
  ~SyncFault();
  SyncFault(const SyncFault&) = delete;
  SyncFault& operator=(const SyncFault&) = delete;
};

// How many there have been, failed or not.
unsigned long syncs();

}  // namespace tandem::storage
