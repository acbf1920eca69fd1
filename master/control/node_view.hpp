// node_view.hpp: what a node says of itself on the control API: its name, addresses and role.
//
// Owner: the control loop's thread, but for `draining`, which any thread may set.
#pragma once

#include <atomic>
#include <optional>
#include <string>

#include "common/base/endpoint.hpp"
#include "common/base/strong.hpp"

namespace tandem::master {

struct NodeView {
  std::string node;
  Endpoint control;
  std::optional<Endpoint> listen;  // where clients connect; empty until that is known
  // A master without peers leads itself.
  std::string role = "primary";
  Term term{1};
  std::atomic<bool> draining{false};
};

}  // namespace tandem::master
