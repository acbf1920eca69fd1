#include "common/base/patient_writer.hpp"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "common/base/clock.hpp"

namespace tandem {

void PatientWriter::use(int descriptor) {
  descriptor_ = descriptor;
  struct stat status {};
  is_regular_ = ::fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode);
}

bool PatientWriter::is_over(const std::atomic<bool>& ending) {
  if (is_regular_ || !ending.load(std::memory_order_relaxed)) return false;
  if (!until_) until_ = now() + patience_;
  return now() >= *until_;
}

int PatientWriter::write_some(std::string_view& text, const std::atomic<bool>& ending) {
  constexpr int step_ms = 50;  // after which it looks whether the program ends
  pollfd waiting{descriptor_, POLLOUT, 0};
  do {
    if (is_over(ending)) return EAGAIN;
  } while (::poll(&waiting, 1, step_ms) <= 0);
  // No more than a pipe with room surely takes.
  const auto bytes = is_regular_ ? text.size() : std::min<std::size_t>(text.size(), PIPE_BUF);
  const auto written = ::write(descriptor_, text.data(), bytes);
  if (written < 0) return errno == EINTR || errno == EAGAIN ? 0 : errno;
  text.remove_prefix(static_cast<std::size_t>(written));
  return 0;
}

int PatientWriter::write(std::string_view& text, const std::atomic<bool>& ending) {
  while (!text.empty()) {
    if (const int error = write_some(text, ending); error != 0) return error;
  }
  return 0;
}

}  // namespace tandem
