// services.hpp: `tandem service list|show|set|unset`: services and their settings.
//
// A service is known when it has a worker, a route or a setting. What is asked of another is an
// error, for it is a typing error nearly always.
#pragma once

#include "ctl/bound_command.hpp"

namespace tandem::ctl {

// Below `service`.
void add_service_commands(CLI::App& service, BoundCommands& commands);

}  // namespace tandem::ctl
