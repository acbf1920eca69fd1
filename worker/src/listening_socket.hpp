// listening_socket.hpp: a socket that listens at an address.
#pragma once

#include "common/base/endpoint.hpp"

namespace tandem {

// A non-blocking socket; -1 with errno set after a failure. Without SO_REUSEPORT, because two
// workers on one port are a mistake. `address` is numeric.
int listen_on(const Endpoint& address);

std::uint16_t port_of(int socket);

}  // namespace tandem
