// configuration.hpp: `tandem config`, `reload` and `log level`: what is in force at a master, and
// having it read its file again. Each is about one master: all of --control are asked.
#pragma once

#include "ctl/bound_command.hpp"

namespace tandem::ctl {

void add_configuration_commands(CLI::App& app, BoundCommands& commands);

}  // namespace tandem::ctl
