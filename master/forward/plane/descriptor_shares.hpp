// descriptor_shares.hpp: what the descriptors of a process are for. Pure, but for descriptors().
//
// Each client may have a connection to a worker at work for it, so clients get half of what is not
// kept for the rest: files, logs, loops, the control address, peers, probes. Then a client that was
// accepted can be served, whatever others do. Where there are many descriptors clients get more,
// for most of many clients are idle.
#pragma once

#include <cstddef>

namespace tandem::master {

// That this process may have.
std::size_t descriptors();

// How many clients there may be at once, of `descriptors` and before so many loops; at least one,
// and at most limits::client_connections_max.
std::size_t clients_among(std::size_t descriptors, unsigned loops);

}  // namespace tandem::master
