#include "tests/e2e/harness/notify_listener.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

namespace tandem::e2e {

NotifyListener::NotifyListener(const TempDir& dir, const std::string& name)
    : path_(dir.path(name)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof address.sun_path) throw std::runtime_error("too long: " + path_);
  std::copy(path_.begin(), path_.end(), address.sun_path);
  socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("cannot bind " + path_);
  }
}

NotifyListener::~NotifyListener() { ::close(socket_); }

std::vector<std::string> NotifyListener::prefix(Milliseconds watchdog) const {
  return {"env", "NOTIFY_SOCKET=" + path_,
          fmt::format("WATCHDOG_USEC={}", std::chrono::microseconds(watchdog).count())};
}

void NotifyListener::receive() {
  char buffer[4096];
  for (;;) {
    const auto bytes = ::recv(socket_, buffer, sizeof buffer, MSG_DONTWAIT);
    if (bytes < 0) return;
    received_.emplace_back(buffer, static_cast<std::size_t>(bytes));
  }
}

std::string NotifyListener::await(std::string_view text, Milliseconds deadline) {
  std::string found;
  eventually(
      [&] {
        receive();
        while (awaited_ < received_.size()) {
          const auto& next = received_[awaited_++];
          if (next.find(text) == std::string::npos) continue;
          found = next;
          return true;
        }
        return false;
      },
      deadline);
  return found;
}

bool NotifyListener::has(std::string_view text) {
  receive();
  return std::any_of(received_.begin(), received_.end(),
                     [&](const auto& one) { return one.find(text) != std::string::npos; });
}

void NotifyListener::forget() {
  receive();
  received_.clear();
  awaited_ = 0;
}

}  // namespace tandem::e2e
