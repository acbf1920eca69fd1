// upgrade.hpp: `tandem upgrade`: another process of the same master takes the place of the one that
// serves, without a dropped connection.
#pragma once

#include "ctl/bound_command.hpp"

namespace tandem::ctl {

void add_upgrade_command(CLI::App& app, BoundCommands& commands);

}  // namespace tandem::ctl
