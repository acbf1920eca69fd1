// data_plane_options.hpp: where clients are served, and how many; with all of ForwardOptions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "master/forward/client/limits.hpp"
#include "master/forward/exchange/forward_options.hpp"
#include "master/forward/plane/limits.hpp"
#include "master/forward/plane/listen_address.hpp"
#include "master/forward/tls/server_contexts.hpp"

namespace tandem::master {

struct DataPlaneOptions : ForwardOptions {
  std::vector<ListenAddress> listen{};   // at least one
  std::optional<ListenAddress> inner{};  // besides; with TLS if there are certificates inside
  // Both.
  std::vector<ListenAddress> addresses() const {
    auto all = listen;
    if (inner) all.push_back(*inner);
    return all;
  }
  // For addresses with TLS, to begin with; null: there are none.
  tls::CertificateSetPtr certificates{};
  // That move with the leadership; see DataPlane::let_clients_go().
  std::vector<std::string> moving_addresses{};
  std::size_t client_connections_max = limits::client_connections_max;
  std::size_t handshakes_max = limits::handshakes_max;  // of TLS, at once
  unsigned handshakes_per_client = limits::handshakes_per_client_max;
};

}  // namespace tandem::master
