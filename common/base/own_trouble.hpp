// own_trouble.hpp: failures of a system call that are a shortage of this process or this machine,
// and say nothing of whoever is at the other end. No peer is blamed for them; who accepts pauses.
#pragma once

#include <cerrno>

namespace tandem {

// `error`: errno of socket(), connect(), accept4() or epoll_ctl(). EAGAIN is one of connect() alone
// (no local port is left, connect(2)); elsewhere it means that nothing is there yet, and callers
// that read, write or accept look for it first.
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

// Of accept4(): the client was gone before it was accepted, or nobody waits. Everything else is
// ours, and a loop that tried again at once would spin.
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
