#include "master/forward/client/peek_more.hpp"

#include <sys/socket.h>

#include <cerrno>

namespace tandem::master {

bool PeekMore::peek(Operation& operation, Descriptor& descriptor) {
  auto& self = static_cast<PeekMore&>(operation);
  const auto got =
      recv(descriptor.fd, self.room_.data(), self.room_.size(), MSG_PEEK | MSG_DONTWAIT);
  const bool is_nothing = got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  const bool is_known = got > 0 && static_cast<std::size_t>(got) <= self.known_;
  if (is_nothing || (is_known && !descriptor.ended)) {
    descriptor.readable = false;
    return false;
  }
  self.result = {};
  if (got > 0) self.result.bytes = static_cast<std::size_t>(got);
  if (got < 0) self.result.error = {errno, boost::system::system_category()};
  if (got == 0 || is_known) self.result.error = asio::error::eof;
  return true;
}

bool take_arrived(Socket& socket, std::span<char> room, std::size_t bytes) {
  const auto got = recv(socket.native_handle(), room.data(), bytes, MSG_DONTWAIT);
  socket.descriptor()->readable = true;  // more may have come with it
  return got == static_cast<ssize_t>(bytes);
}

}  // namespace tandem::master
