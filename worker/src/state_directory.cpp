#include "worker/src/state_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "common/base/private_directory.hpp"

namespace tandem {

Result<StateDirectory> StateDirectory::open(const std::string& path) {
  const auto refused = [&path] {
    return fail(ErrorCode::io,
                fmt::format("state_dir {} cannot be used: {}", path, std::strerror(errno)),
                "state_dir");
  };
  if (auto made = make_private(path, "state_dir"); !made) return made.error();
  const int lock =
      ::open((path + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock < 0) return refused();
  StateDirectory directory(lock);
  if (::flock(lock, LOCK_EX | LOCK_NB) == 0) return directory;
  if (errno != EWOULDBLOCK) return refused();
  return fail(ErrorCode::conflict, fmt::format("state_dir {} is used by another worker", path),
              "state_dir");
}

StateDirectory::StateDirectory(StateDirectory&& other) noexcept
    : lock_(std::exchange(other.lock_, -1)) {}

StateDirectory& StateDirectory::operator=(StateDirectory&& other) noexcept {
  std::swap(lock_, other.lock_);
  return *this;
}

StateDirectory::~StateDirectory() {
  if (lock_ >= 0) ::close(lock_);
}

}  // namespace tandem
