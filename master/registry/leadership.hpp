// leadership.hpp: who leads the cluster, as this master knows it; published like a Snapshot, and
// immutable. The ServingGate says whether this master may forward at this instant.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/base/endpoint.hpp"
#include "common/base/strong.hpp"

namespace tandem::tls {
class WorkerTls;
}

namespace tandem::master {

struct Leadership {
  Term term;
  bool is_primary = false;  // this node leads; the gate may be closed still, or again
  std::string primary;      // name of the primary; empty: nobody is known to lead
  // Another node leads, and this is where it serves clients: numeric.
  std::optional<Endpoint> primary_listen;
  // Where it takes requests that are passed on, if not there: numeric.
  std::optional<Endpoint> primary_inner{};
  std::shared_ptr<const tandem::tls::WorkerTls> primary_tls{};  // at that address; null: in clear
  std::string primary_pass;  // Tandem-Pass for requests passed on to it

  // Unset: requests cannot be passed on to it.
  const std::optional<Endpoint>& primary_takes() const {
    return primary_inner ? primary_inner : primary_listen;
  }

  friend bool operator==(const Leadership&, const Leadership&) = default;
};
using LeadershipPtr = std::shared_ptr<const Leadership>;

}  // namespace tandem::master
