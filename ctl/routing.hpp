// routing.hpp: `tandem route`, `backend` and `weight`: where requests go, as the cluster decides
// it.
#pragma once

#include "ctl/bound_command.hpp"

namespace tandem::ctl {

// route list|add|remove, backend add|remove, weight.
void add_routing_commands(CLI::App& app, BoundCommands& commands);

}  // namespace tandem::ctl
