// state_directory.hpp: a directory that belongs to one running worker.
//
// Created when missing, readable by its owner alone, and locked as long as this object lives: two
// workers that share one would each overwrite what the other promised to keep.
#pragma once

#include <string>

#include "common/base/result.hpp"

namespace tandem {

class StateDirectory {
 public:
  // Errors: `io` when it cannot be created or written, `conflict` when another worker has it.
  static Result<StateDirectory> open(const std::string& path);

  StateDirectory(StateDirectory&& other) noexcept;
  StateDirectory& operator=(StateDirectory&& other) noexcept;
  ~StateDirectory();

 private:
  explicit StateDirectory(int lock) : lock_(lock) {}
  int lock_ = -1;  // the open lock file; closing it unlocks
};

}  // namespace tandem
