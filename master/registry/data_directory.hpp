// data_directory.hpp: --data-dir, which holds what must survive a restart, for one master at a
// time.
//
// Two masters on one directory would overwrite each other's files: the directory is locked (flock
// on `lock`), and the kernel frees the lock when the process ends, however it ends.
#pragma once

#include <filesystem>
#include <string>

#include "common/base/result.hpp"

namespace tandem::master {

class DataDirectory {
 public:
  // Makes the directory when it is missing, keeps others out of it (private_directory.hpp), and
  // locks it.
  // Errors: `conflict` when another process has it; `io`, in one sentence, for all that the system
  // refuses.
  static Result<DataDirectory> open(const std::filesystem::path& given);

  DataDirectory(DataDirectory&& other) noexcept;
  DataDirectory& operator=(DataDirectory&& other) noexcept;
  ~DataDirectory();

  const std::filesystem::path& path() const { return path_; }

 private:
  DataDirectory(std::filesystem::path path, int lock) : path_(std::move(path)), lock_(lock) {}

  std::filesystem::path path_;
  int lock_ = -1;
};

}  // namespace tandem::master
