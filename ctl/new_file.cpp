#include "ctl/new_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

namespace tandem::ctl {

Result<> write_new_file(const std::string& path, const std::string& text, unsigned mode,
                        const std::string& what) {
  const auto refuse = [&](int cause) {
    return fail(ErrorCode::io, fmt::format("{}: {}: {}", what, path, std::strerror(cause)));
  };
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) return refuse(errno);
  const auto size = static_cast<ssize_t>(text.size());
  // The mode is what was asked for, whatever the umask.
  const bool is_written =
      ::fchmod(fd, mode) == 0 && ::write(fd, text.data(), text.size()) == size && ::fsync(fd) == 0;
  const int cause = errno;
  ::close(fd);
  if (is_written) return {};
  ::unlink(path.c_str());
  return refuse(cause);
}

}  // namespace tandem::ctl
