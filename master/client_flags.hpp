// client_flags.hpp: what one client, and all of them together, may take of a master.
#pragma once

#include "master/flags.hpp"

namespace CLI {
class App;
}

namespace tandem::master {

void bind_clients(CLI::App& app, MasterFlags& flags);

}  // namespace tandem::master
