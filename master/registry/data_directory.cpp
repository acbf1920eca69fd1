#include "master/registry/data_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "common/base/private_directory.hpp"

namespace tandem::master {

namespace {

namespace fs = std::filesystem;

// A file descriptor that closes itself.
class OpenFile {
 public:
  OpenFile(const fs::path& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  ~OpenFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  bool ok() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

Error refused(const char* what, const fs::path& path) {
  const int cause = errno;
  return fail(ErrorCode::io,
              fmt::format("cannot {} {}: {}", what, path.string(), std::strerror(cause)),
              "--data-dir");
}

}  // namespace

Result<DataDirectory> DataDirectory::open(const fs::path& given) {
  const auto path = given.has_filename() ? given : given.parent_path();  // "dir/" is "dir"
  std::error_code ignored;  // make_private() says what was wrong
  if (path.has_parent_path()) fs::create_directories(path.parent_path(), ignored);
  if (auto made = make_private(path.string(), "--data-dir"); !made) return made.error();
  OpenFile lock(path / "lock", O_RDWR | O_CREAT | O_NOFOLLOW);
  if (!lock.ok()) return refused("open", path / "lock");
  if (::flock(lock.fd(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return refused("lock", path / "lock");
    return fail(
        ErrorCode::conflict,
        fmt::format("the data directory {} is in use by another tandem-master: give each its own",
                    path.string()),
        "--data-dir");
  }
  return DataDirectory(path, lock.release());
}

DataDirectory::DataDirectory(DataDirectory&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

DataDirectory& DataDirectory::operator=(DataDirectory&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(lock_, other.lock_);
  return *this;
}

DataDirectory::~DataDirectory() {
  if (lock_ >= 0) ::close(lock_);
}

}  // namespace tandem::master
