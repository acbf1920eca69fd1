// held_socket.hpp: an open descriptor, most likely of a socket, on its way to whoever serves it.
//
// Owner: one thread at a time.
#pragma once

#include <unistd.h>

#include <utility>

namespace tandem {

// Closes it unless it was taken over.
class HeldSocket {
 public:
  HeldSocket() = default;
  explicit HeldSocket(int socket) : socket_(socket) {}
  HeldSocket(HeldSocket&& other) noexcept : socket_(other.release()) {}
  HeldSocket& operator=(HeldSocket&& other) noexcept {
    std::swap(socket_, other.socket_);
    return *this;
  }
  ~HeldSocket() {
    if (socket_ >= 0) ::close(socket_);
  }
  int get() const { return socket_; }
  int release() { return std::exchange(socket_, -1); }

 private:
  int socket_ = -1;
};

}  // namespace tandem
