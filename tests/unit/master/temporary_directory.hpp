// temporary_directory.hpp: a directory of a test's own, gone with the test even when it fails.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>

#include <catch2/catch.hpp>

namespace tandem {

class TemporaryDirectory {
 public:
  // `in_memory`: on a disk that is none, for a test of many thousand steps, if there is one.
  enum class Where { usual, in_memory };
  explicit TemporaryDirectory(Where where = Where::usual) {
    auto above = std::filesystem::temp_directory_path();
    std::error_code missing;
    if (where == Where::in_memory && std::filesystem::is_directory("/dev/shm", missing)) {
      above = "/dev/shm";
    }
    auto pattern = (above / "tandem-test-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace tandem
