// names.hpp: `tandem complete KIND`, which a shell asks for the names that may come next: those of
// workers, backends, services or masters, each on a line. It is for the scripts of `tandem
// completion`, and not in --help.
#pragma once

#include "ctl/bound_command.hpp"

namespace tandem::ctl {

void add_names_command(CLI::App& app, BoundCommands& commands);

}  // namespace tandem::ctl
