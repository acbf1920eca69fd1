#include "common/base/locked_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "common/base/private_directory.hpp"

namespace tandem {

namespace fs = std::filesystem;

Result<LockedDirectory> LockedDirectory::open(std::string_view given, std::string_view field,
                                              std::string_view user) {
  fs::path path(given);
  if (!path.has_filename()) path = path.parent_path();  // "dir/" is "dir"
  const auto refused = [&] {
    return fail(ErrorCode::io,
                fmt::format("{} {} cannot be used: {}", field, path.string(), std::strerror(errno)),
                std::string(field));
  };
  std::error_code ignored;  // make_private() reports what was wrong
  if (path.has_parent_path()) fs::create_directories(path.parent_path(), ignored);
  if (auto made = make_private(path.string(), field); !made) return made.error();
  const auto file = path / "lock";
  const int lock = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock < 0) return refused();
  LockedDirectory directory(lock);
  if (::flock(lock, LOCK_EX | LOCK_NB) == 0) return directory;
  if (errno != EWOULDBLOCK) return refused();
  return fail(
      ErrorCode::conflict,
      fmt::format("{} {} is in use by another {}: give each its own", field, path.string(), user),
      std::string(field));
}

LockedDirectory::LockedDirectory(LockedDirectory&& other) noexcept
    : lock_(std::exchange(other.lock_, -1)) {}

LockedDirectory& LockedDirectory::operator=(LockedDirectory&& other) noexcept {
  std::swap(lock_, other.lock_);
  return *this;
}

LockedDirectory::~LockedDirectory() {
  if (lock_ >= 0) ::close(lock_);
}

}  // namespace tandem
