// node_view.hpp: a node's name, addresses and role, as the control API shows them.
//
// Owner: the control loop's thread, except for `draining`, which any thread may set.
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
  std::optional<Endpoint> listen;   // where clients connect; empty until that is known
  std::optional<Endpoint> inner{};  // where other masters pass requests on; empty: there
  std::string role = "candidate";   // primary | standby | candidate
  Term term;
  std::string primary;        // the primary's name; empty: no primary is known
  std::uint64_t version = 0;  // grows with each change of the three above
  std::atomic<bool> draining{false};
};

}  // namespace tandem::master
