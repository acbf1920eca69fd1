// temp_dir.hpp: a directory for one test: the logs, configurations and data of its processes.
//
// Removed when the test has passed; kept, and its path printed, when an assertion has failed or an
// exception is on its way.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace tandem::e2e {

class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  // The path of `name` inside.
  std::string path(std::string_view name) const { return (root_ / name).string(); }
  // Writes a file inside and returns its path.
  std::string write(std::string_view name, std::string_view text) const;

 private:
  std::filesystem::path root_;
};

// The whole file, or an empty string when there is none.
std::string read_file(const std::filesystem::path& path);

}  // namespace tandem::e2e
