// other_listeners.hpp: who listens at an address besides this process.
//
// While this process listens at 127.0.0.1:80 the kernel refuses an exclusive bind to 0.0.0.0:80,
// and allows a shared one whoever else is there. Which it is, the kernel's table tells:
// /proc/net/tcp names each listening socket by its inode.
#pragma once

#include <sys/types.h>

#include <set>
#include <string_view>

#include "common/base/endpoint.hpp"

namespace tandem::master {

// Whether a socket listens there, or at an address that overlaps, whose inode is not among `own`.
// True also when the kernel's table cannot be read. Blocks for the kernel: for start and reload.
// REQUIRES: `address` is numeric
bool others_listen_at(const Endpoint& address, const std::set<ino_t>& own);

// Whether such a line of /proc/net/tcp or /proc/net/tcp6 is of a socket that listens there. Pure.
enum class TableLine { no_listener, elsewhere, there };
TableLine look_at_line(std::string_view line, const Endpoint& address, ino_t& inode);

}  // namespace tandem::master
