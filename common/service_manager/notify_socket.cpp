#include "common/service_manager/notify_socket.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstddef>

namespace tandem {

NotifySocket::NotifySocket(std::string_view name) {
  if (name.size() < 2 || name.size() >= sizeof address_.sun_path) return;
  if (name.front() != '/' && name.front() != '@') return;
  address_.sun_family = AF_UNIX;
  std::copy(name.begin(), name.end(), address_.sun_path);
  if (name.front() == '@') address_.sun_path[0] = '\0';
  address_bytes_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

NotifySocket::~NotifySocket() {
  if (is_open()) ::close(socket_);
}

void NotifySocket::send(std::string_view lines) const {
  if (!is_open()) return;
  ::sendto(socket_, lines.data(), lines.size(), MSG_NOSIGNAL,
           reinterpret_cast<const sockaddr*>(&address_), address_bytes_);
}

}  // namespace tandem
