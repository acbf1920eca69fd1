// inherited_sockets.hpp: the sockets on which somebody else has listened for this process: whoever
// started it, by the socket activation of systemd (sd_listen_fds(3)), or the process whose place it
// takes (master/upgrade).
//
// They are found by the addresses that are configured, whatever their names. Connections that come
// while no process accepts wait in them, so that a restart refuses nobody.
//
// main() takes them, before it starts a thread; other functions are for any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/endpoint.hpp"

namespace tandem {

// As the environment says, which then says it no more.
void take_inherited_sockets();

// The sockets that listen at one address. Connections wait in each.
struct InheritedSockets {
  std::string flag{};  // that says the address; empty: any
  Endpoint wanted;     // as configured: numeric, with port 0 where the kernel chose one
  Endpoint bound;      // with the port that it has
  std::vector<int> sockets{};
  bool is_kept = false;  // by whoever started this process, so that it can be opened again
};

// From now on they are this process's. REQUIRES: there is a socket
void add_inherited_sockets(InheritedSockets added);
// Closes those that nobody has opened, unless they are kept. Returns what was closed, without its
// sockets.
std::vector<InheritedSockets> drop_inherited_sockets();

bool has_inherited_sockets(std::string_view flag, const Endpoint& wanted);
// The caller owns these descriptors. They neither block nor are inherited further, and no filter is
// attached to them. Only what is kept is there for the next caller too. Unset: there are none.
std::optional<InheritedSockets> open_inherited_sockets(std::string_view flag,
                                                       const Endpoint& wanted);

}  // namespace tandem
