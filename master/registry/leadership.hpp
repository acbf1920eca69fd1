// leadership.hpp: who leads the cluster, as this master knows it; published like a Snapshot, and
// immutable. The ServingGate says whether this master may forward at this instant.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/base/endpoint.hpp"
#include "common/base/strong.hpp"

namespace tandem::master {

struct Leadership {
  Term term;
  bool is_primary = false;  // this node leads; the gate may be closed still, or again
  std::string primary;      // name of the primary; empty: nobody is known to lead
  // Another node leads, and this is where it serves clients: numeric.
  std::optional<Endpoint> primary_listen;
  std::string primary_pass;  // Tandem-Pass for requests passed on to it

  friend bool operator==(const Leadership&, const Leadership&) = default;
};
using LeadershipPtr = std::shared_ptr<const Leadership>;

}  // namespace tandem::master
