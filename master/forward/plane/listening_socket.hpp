// listening_socket.hpp: a socket at which clients are waited for, from its opening until the
// listener of a loop takes it over. This is the one place where such sockets come to be.
//
// Every loop has a socket of its own at each address (SO_REUSEPORT), so that the kernel spreads
// connections over the loops. That alone would let two masters of one user share an address without
// a word: whoever opens one looks first whether somebody else listens there. Where systemd listens
// for this process, all loops accept from its one socket; where the process before has listened,
// its sockets are shared out (common/base/inherited_sockets.hpp).
#pragma once

#include <sys/types.h>

#include <set>
#include <utility>
#include <vector>

#include "common/base/result.hpp"
#include "master/forward/plane/listen_address.hpp"

namespace tandem::master {

class ListeningSocket {
 public:
  // Binds and listens. Errors: `io`, with the address and the system's reason.
  static Result<ListeningSocket> open(const ListenAddress& address);
  // Those that are inherited for the address; none: there are none. `is_kept` is as
  // InheritedSockets says.
  static std::vector<ListeningSocket> inherit(const ListenAddress& address, bool& is_kept);
  // The same open socket under another descriptor: who accepts from either shares what waits.
  Result<ListeningSocket> again() const;
  // Fails when somebody listens there already, but for the sockets of this process with the
  // numbers `own` (inodes), which may overlap: 0.0.0.0:80 beside 127.0.0.1:80.
  static Result<> check_free(const ListenAddress& address, const std::set<ino_t>& own);

  ListeningSocket(ListeningSocket&& other) noexcept
      : address_(std::move(other.address_)), fd_(std::exchange(other.fd_, -1)) {}
  ListeningSocket& operator=(ListeningSocket&&) = delete;
  ~ListeningSocket();  // closes it unless it was taken over

  // With the port that the kernel chose for port 0.
  const ListenAddress& address() const { return address_; }
  ino_t inode() const;
  int release() { return std::exchange(fd_, -1); }

 private:
  ListeningSocket(ListenAddress address, int fd) : address_(std::move(address)), fd_(fd) {}

  ListenAddress address_;
  int fd_;
};

}  // namespace tandem::master
