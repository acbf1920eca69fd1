#include "common/base/journal_sink.hpp"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include <fmt/format.h>

#include "common/base/log_format.hpp"
#include "common/base/log_priority.hpp"
#include "common/base/printable.hpp"

namespace tandem {

bool is_journal_stream(int descriptor, const char* journal_stream) {
  struct stat about {};
  if (journal_stream == nullptr || ::fstat(descriptor, &about) != 0) return false;
  return journal_stream == fmt::format("{}:{}", about.st_dev, about.st_ino);
}

JournalSink::JournalSink(std::string socket, std::shared_ptr<spdlog::sinks::sink> otherwise)
    : path_(std::move(socket)), otherwise_(std::move(otherwise)) {
  if (path_.empty() || path_.size() >= sizeof(sockaddr_un::sun_path)) return;
  socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

JournalSink::~JournalSink() {
  if (socket_ >= 0) ::close(socket_);
}

// By name each time: the journal may have been started again.
bool JournalSink::send(const std::string& text) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path_.data(), path_.size());
  const auto sent = ::sendto(socket_, text.data(), text.size(), MSG_NOSIGNAL,
                             reinterpret_cast<const sockaddr*>(&address), sizeof address);
  return sent == static_cast<ssize_t>(text.size());
}

void JournalSink::log(const spdlog::details::log_msg& message) {
  if (socket_ >= 0 && takes_fields_.load(std::memory_order_relaxed)) {
    const auto text = printable({message.payload.data(), message.payload.size()});
    if (send(journal_message(text, log_priority_of(message.level), program_invocation_short_name)))
      return;
  }
  otherwise_->log(message);
}

}  // namespace tandem
