#include "common/base/small_file.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

namespace tandem {

namespace {

class File {
 public:
  File(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

Error unreadable() {
  return fail(errno == ENOENT ? ErrorCode::not_found : ErrorCode::io,
              fmt::format("cannot be read: {}", std::strerror(errno)));
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return ::fsync(fd) == 0;
}

bool write_draft(const std::string& draft, std::string_view content) {
  if (::unlink(draft.c_str()) != 0 && errno != ENOENT) return false;
  const File file(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW);
  return file.fd() >= 0 && write_all(file.fd(), content);
}

bool sync_directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  const auto directory = slash == path.npos ? "." : path.substr(0, slash + 1);
  const File file(directory, O_RDONLY | O_DIRECTORY);
  return file.fd() >= 0 && ::fsync(file.fd()) == 0;
}

Result<std::string> read_file(const std::string& path, std::size_t bytes_max, mode_t forbidden) {
  const File file(path, O_RDONLY | O_NONBLOCK);
  struct stat about {};
  if (file.fd() < 0 || ::fstat(file.fd(), &about) != 0) return unreadable();
  if (!S_ISREG(about.st_mode)) return invalid("is not a regular file");
  if ((about.st_mode & forbidden) != 0) {
    return invalid("can be read by other users: chmod 600 it, or 640 for a group");
  }
  std::string content;
  std::string part(16 * 1024, '\0');
  for (;;) {
    const auto size = ::read(file.fd(), part.data(), part.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return unreadable();
    if (size == 0) return content;
    if (content.size() + static_cast<std::size_t>(size) > bytes_max) {
      return invalid(fmt::format("is longer than {} bytes", bytes_max));
    }
    content.append(part.data(), static_cast<std::size_t>(size));
  }
}

}  // namespace

Result<std::string> read_small_file(const std::string& path, std::size_t bytes_max) {
  return read_file(path, bytes_max, 0);
}

Result<std::string> read_private_file(const std::string& path, std::size_t bytes_max) {
  return read_file(path, bytes_max, 07);
}

Result<> replace_file(const std::string& path, std::string_view content, const std::string& draft) {
  bool done = write_draft(draft, content);
  done = done && ::rename(draft.c_str(), path.c_str()) == 0 && sync_directory_of(path);
  if (done) return {};
  const int cause = errno;
  ::unlink(draft.c_str());
  return fail(ErrorCode::io, fmt::format("cannot write {}: {}", path, std::strerror(cause)));
}

}  // namespace tandem
