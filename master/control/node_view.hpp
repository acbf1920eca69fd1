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
  std::string role = "candidate";  // primary | standby | candidate
  Term term;
  std::string primary;        // the primary's name; empty: nobody is known to lead
  std::uint64_t version = 0;  // grows when one of the three above changes
  std::atomic<bool> draining{false};
};

}  // namespace tandem::master
