#include "master/forward/socket_io.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>

namespace tandem::master {

IoResult write_now(Socket& socket, std::span<const std::string_view> pieces) {
  std::array<iovec, 4> vectors;
  TANDEM_ASSERT(pieces.size() <= vectors.size());
  msghdr message{};
  message.msg_iov = vectors.data();
  for (const auto& piece : pieces) {
    if (piece.empty()) continue;
    vectors[message.msg_iovlen++] = {const_cast<char*>(piece.data()), piece.size()};
  }
  if (message.msg_iovlen == 0) return {};
  for (;;) {
    const auto sent = sendmsg(socket.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return {{}, static_cast<std::size_t>(sent)};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {};
    return {ErrorCodeOs(errno, boost::system::system_category()), 0};
  }
}

Task<IoResult> write_rest(Socket& socket, std::array<std::string_view, 4> pieces,
                          std::size_t written) {
  IoResult total{{}, written};
  std::size_t skip = written;
  for (;;) {
    bool left = false;
    for (auto& piece : pieces) {
      const auto done = std::min(skip, piece.size());
      piece.remove_prefix(done);
      skip -= done;
      left = left || !piece.empty();
    }
    if (!left) co_return total;
    auto writable = wait_writable(socket);
    const IoResult waited = co_await writable;
    if (!waited.ok()) {
      total.error = waited.error;
      co_return total;
    }
    const IoResult step = write_now(socket, pieces);
    if (!step.ok()) {
      total.error = step.error;
      co_return total;
    }
    total.bytes += step.bytes;
    skip = step.bytes;
  }
}

bool is_quiet(Socket& socket) {
  char byte;
  const auto got = recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

bool has_unread(Socket& socket) {
  char byte;
  return recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

void close_socket(Socket& socket) {
  ErrorCodeOs ignored;
  socket.close(ignored);
}

}  // namespace tandem::master
