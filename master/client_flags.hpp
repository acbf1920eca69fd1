// client_flags.hpp: the flags that limit what one client, or all of them together, may use of a
// master.
#pragma once

#include "master/flags.hpp"

namespace CLI {
class App;
}

namespace tandem::master {

void bind_clients(CLI::App& app, MasterFlags& flags);
// --listen, --listen-tls, --tls, and what becomes of those that come without TLS; and whether they
// go together.
void bind_listens(CLI::App& app, MasterFlags& flags);
std::vector<std::string> check_tls(const MasterFlags& flags);

}  // namespace tandem::master
