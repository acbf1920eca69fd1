// descriptor_shares.hpp: how the descriptors of a process are divided. Pure, but for descriptors().
//
// Some are kept for files, logs, loops, the control address, peers and probes. Clients get half of
// the others, since each may need a connection to a worker: then a client that was accepted can be
// served, whatever others do. Where there are many descriptors clients get more than half, since
// most of many clients are idle.
#pragma once

#include <cstddef>

namespace tandem::master {

// How many this process may have.
std::size_t descriptors();

// How many clients may be connected at once, with `descriptors` and `loops`: at least one, at most
// limits::client_connections_max.
std::size_t clients_among(std::size_t descriptors, unsigned loops);

}  // namespace tandem::master
