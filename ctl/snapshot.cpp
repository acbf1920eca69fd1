#include "ctl/snapshot.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fmt/format.h>

namespace tandem::ctl {

namespace {

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return ::fsync(fd) == 0;
}

Error cannot_write(const std::string& file, int cause) {
  return fail(ErrorCode::io, fmt::format("cannot write {}: {}", file, std::strerror(cause)));
}

}  // namespace

Result<std::string> save_snapshot(const ControlClient& client, const std::string& file) {
  auto snapshot = client.get("/v1/snapshot");
  if (!snapshot || file == "-") return snapshot;
  const auto unfinished = fmt::format("{}.{}", file, ::getpid());
  const int fd = ::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return cannot_write(unfinished, errno);
  bool written = write_all(fd, *snapshot);
  int cause = errno;
  ::close(fd);
  if (written && std::rename(unfinished.c_str(), file.c_str()) != 0) {
    written = false;
    cause = errno;
  }
  if (!written) {
    ::unlink(unfinished.c_str());
    return cannot_write(file, cause);
  }
  return fmt::format("{} bytes in {}\n", snapshot->size(), file);
}

}  // namespace tandem::ctl
