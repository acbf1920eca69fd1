#include "master/forward/access_log/file.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "master/forward/access_log/limits.hpp"

namespace tandem::master {

Result<AccessFile> AccessFile::open(std::string path) {
  AccessFile file(std::move(path));
  const auto opened = file.reopen();
  if (!opened) return opened.error();
  return file;
}

AccessFile::AccessFile(AccessFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      is_regular_(other.is_regular_),
      torn_(other.torn_) {}

AccessFile::~AccessFile() {
  if (descriptor_ > STDERR_FILENO) ::close(descriptor_);
}

Result<> AccessFile::reopen() {
  if (path_ == "-") {
    descriptor_ = STDOUT_FILENO;
  } else {
    // Without O_NONBLOCK a named pipe that nobody reads would hold us here.
    // A link would be somebody else's choice of the file that is written.
    constexpr int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW;
    const int fresh = ::open(path_.c_str(), flags, 0640);
    if (fresh < 0) {
      const auto* why = errno == ELOOP ? "symbolic links are not followed; the standard output is -"
                                       : std::strerror(errno);
      return invalid(fmt::format("--access-log: {} cannot be written: {}", path_, why),
                     "--access-log");
    }
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = fresh;
    torn_ = false;
  }
  struct stat status {};
  is_regular_ = ::fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode);
  return {};
}

bool AccessFile::was_moved() const {
  if (!is_regular_ || path_ == "-") return false;
  struct stat ours {};
  struct stat named {};
  if (::fstat(descriptor_, &ours) != 0) return false;
  if (::lstat(path_.c_str(), &named) != 0) return errno == ENOENT;
  return ours.st_ino != named.st_ino || ours.st_dev != named.st_dev;
}

int AccessFile::write_some(std::string_view& text, const std::atomic<bool>& stopping) {
  constexpr int step_ms = 100;
  int patience =
      static_cast<int>(limits::access_log_close_max / std::chrono::milliseconds(step_ms));
  pollfd waiting{descriptor_, POLLOUT, 0};
  while (::poll(&waiting, 1, step_ms) <= 0) {
    if (stopping.load() && --patience <= 0) return EAGAIN;
  }
  // No more than a pipe surely takes: the standard output may be a pipe that blocks.
  const auto bytes = is_regular_ ? text.size() : std::min<std::size_t>(text.size(), PIPE_BUF);
  const auto written = ::write(descriptor_, text.data(), bytes);
  if (written < 0) return errno == EINTR || errno == EAGAIN ? 0 : errno;
  text.remove_prefix(static_cast<std::size_t>(written));
  return 0;
}

AccessFile::Written AccessFile::write(std::string_view lines, const std::atomic<bool>& stopping) {
  if (torn_) {
    std::string_view end_of_line = "\n";
    if (const int error = write_some(end_of_line, stopping); error != 0 || !end_of_line.empty()) {
      return {static_cast<std::uint64_t>(std::count(lines.begin(), lines.end(), '\n')), error};
    }
    torn_ = false;
  }
  const auto all = lines;
  while (!lines.empty()) {
    const int error = write_some(lines, stopping);
    if (error == 0) continue;
    const auto written = all.size() - lines.size();
    torn_ = written > 0 && all[written - 1] != '\n';
    return {static_cast<std::uint64_t>(std::count(lines.begin(), lines.end(), '\n')), error};
  }
  return {};
}

}  // namespace tandem::master
