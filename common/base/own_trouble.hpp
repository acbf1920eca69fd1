// own_trouble.hpp: failures of a system call that mean a shortage in this process or on this
// machine, and say nothing about the peer. No peer is blamed for them; an accept loop pauses.
#pragma once

#include <cerrno>

namespace tandem {

// `error`: errno of socket(), connect(), accept4() or epoll_ctl(). EAGAIN counts for connect() only
// (no local port is left, connect(2)); elsewhere it means "nothing yet", and callers that read,
// write or accept check for it first.
constexpr bool is_own_trouble(int error) {
  switch (error) {
    case EMFILE:         // this process has no descriptors left
    case ENFILE:         // the machine has none
    case ENOBUFS:        // no memory for sockets
    case ENOMEM:         //
    case ENOSPC:         // epoll: too many watches of this user
    case EADDRNOTAVAIL:  // no local port is left
    case EAGAIN: return true;
    default: return false;
  }
}

// For accept4(): the client was gone before it was accepted, or no client waits. All other errors
// are our own trouble, and a loop that tried again at once would spin.
constexpr bool is_of_the_newcomer(int error) {
  switch (error) {
    case EAGAIN:
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case EPERM:  // a firewall forbids it
      return true;
    default: return false;
  }
}

}  // namespace tandem
