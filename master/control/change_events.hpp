// change_events.hpp: what a committed change of the cluster's state did, as an event.
//
// Pure. Says nothing of secrets.
#pragma once

#include <optional>

#include "master/events/event.hpp"
#include "master/registry/cluster_state.hpp"

namespace tandem::master {

// `state`: before the change. Nothing for changes that are of no interest to people.
std::optional<Event> event_of(const Change& change, const ClusterState& state);

}  // namespace tandem::master
