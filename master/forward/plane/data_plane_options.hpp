// data_plane_options.hpp: where clients are served, and how many; with all of ForwardOptions.
#pragma once

#include <string>
#include <vector>

#include "common/base/endpoint.hpp"
#include "master/forward/exchange/forward_options.hpp"
#include "master/forward/plane/limits.hpp"

namespace tandem::master {

struct DataPlaneOptions : ForwardOptions {
  Endpoint listen{"127.0.0.1", 8080};  // numeric; port 0: the kernel chooses
  bool binds_absent = false;  // `listen` may be an address that this host does not have yet
  // That move with the leadership; see DataPlane::let_clients_go().
  std::vector<std::string> moving_addresses{};
  std::size_t client_connections_max = limits::client_connections_max;
};

}  // namespace tandem::master
