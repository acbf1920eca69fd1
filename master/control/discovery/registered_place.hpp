// registered_place.hpp: where a service that registers by a Consul agent's API may be. Pure, but
// for a look at the addresses of this machine.
//
// An agent stands beside its services, so that 127.0.0.1 means them; masters are elsewhere, and
// would forward to themselves, or to what only their machines can reach.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "common/base/endpoint.hpp"
#include "common/base/result.hpp"

namespace tandem::master {

// `host`: numeric. `caller`: the numeric address from which it was asked. `alone`: all masters are
// on this machine. Errors: `invalid`: a loopback address when the caller or another master is on
// another machine; a link-local address, as those of metadata services are, that is not the
// caller's own; an address of many.
Result<> check_registered_host(const std::string& host, std::string_view caller, bool alone);

bool all_of_this_machine(const std::map<std::string, Endpoint>& masters);

}  // namespace tandem::master
