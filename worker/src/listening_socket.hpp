// listening_socket.hpp: a socket that listens at an address.
#pragma once

#include "common/base/endpoint.hpp"

namespace tandem {

// Non-blocking; -1 with errno set when it cannot be had. No SO_REUSEPORT: two workers on one
// port are a mistake. `address` is numeric.
int listen_on(const Endpoint& address);

std::uint16_t port_of(int socket);

}  // namespace tandem
