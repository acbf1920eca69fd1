// inherited_sockets.hpp: the sockets on which whoever started this process listens for it: the
// socket activation of systemd (sd_listen_fds(3)).
//
// They are found by their addresses, whatever their names. Connections that come while no process
// runs wait in them, so that a restart refuses nobody.
//
// main() takes them, before it starts a thread; from then on nothing changes. Any thread may ask.
#pragma once

#include "common/base/endpoint.hpp"

namespace tandem {

// As the environment says, which then says it no more.
void take_inherited_sockets();

// A descriptor of its own for the socket that listens at `address`, which is numeric; -1: there is
// none. It neither blocks nor is inherited further, and no filter is attached to it.
int inherited_socket(const Endpoint& address);
bool is_inherited(const Endpoint& address);

}  // namespace tandem
