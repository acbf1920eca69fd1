#include "master/forward/access_log/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
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
      writer_(other.writer_),
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
  writer_.use(descriptor_);
  return {};
}

bool AccessFile::was_moved() const {
  if (!writer_.is_regular() || path_ == "-") return false;
  struct stat ours {};
  struct stat named {};
  if (::fstat(descriptor_, &ours) != 0) return false;
  if (::lstat(path_.c_str(), &named) != 0) return errno == ENOENT;
  return ours.st_ino != named.st_ino || ours.st_dev != named.st_dev;
}

AccessFile::Written AccessFile::write(std::string_view lines, const std::atomic<bool>& stopping) {
  if (torn_) {
    std::string_view end_of_line = "\n";
    if (const int error = writer_.write(end_of_line, stopping); error != 0) {
      return {static_cast<std::uint64_t>(std::count(lines.begin(), lines.end(), '\n')), error};
    }
    torn_ = false;
  }
  const auto all = lines;
  const int error = writer_.write(lines, stopping);
  if (error == 0) return {};
  const auto written = all.size() - lines.size();
  torn_ = written > 0 && all[written - 1] != '\n';
  return {static_cast<std::uint64_t>(std::count(lines.begin(), lines.end(), '\n')), error};
}

}  // namespace tandem::master
