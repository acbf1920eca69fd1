// peek_more.hpp: looks at what a socket has received without taking it, until there is more, and
// takes a part of it: for what is said before the stream begins that a ByteStream carries.
// Owner: the loop of the socket.
#pragma once

#include <cstddef>
#include <span>

#include "master/forward/io/socket_io.hpp"

namespace tandem::master {

// Completes when more has arrived than the `known` bytes that were here before, with all of it, as
// far as there is room; it stays there. The end of the stream is the error asio::error::eof.
class PeekMore : public detail::Waiting {
 public:
  PeekMore(Socket& socket, std::span<char> room, std::size_t known)
      : Waiting(socket, &peek), room_(room), known_(known) {}
  void await_suspend(std::coroutine_handle<> handle) { wait_to_read(handle); }

 private:
  static bool peek(Operation& operation, Descriptor& descriptor);

  const std::span<char> room_;
  const std::size_t known_;
};

// Takes the first `bytes` of what has arrived, by way of `room`. False: they had not.
bool take_arrived(Socket& socket, std::span<char> room, std::size_t bytes);

}  // namespace tandem::master
