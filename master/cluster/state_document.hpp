// state_document.hpp: the replicated state as a snapshot holds it, and what of a log this version
// can apply.
//
//   {"format": 2, "clients": [[life, last, index], ...], "state": {...}}
//
// What is read here was sent by others, or lay on a disk: it is bounded, and checked to its last
// member, before anybody keeps it.
//
// Owner: values; the functions are for any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "common/base/result.hpp"
#include "common/base/strong.hpp"
#include "common/cluster/state_check.hpp"
#include "master/registry/cluster_state.hpp"

namespace tandem::master {

// The last command of one life of a master.
struct CommandClient {
  std::uint64_t last = 0;  // its number in that life
  LogIndex at;             // where it is in the log
};
// By their lives; at most limits::command_clients_max.
using CommandClients = std::map<std::uint64_t, CommandClient>;

struct StateDocument {
  CommandClients clients;
  ClusterState state;
};

std::string to_json(const CommandClients& clients, const ClusterState& state);
// Errors: `invalid` for what no version writes, `conflict` for what a later one has written.
Result<StateDocument> parse_state_document(std::string_view json);

// Commands are changes, snapshots state documents; what is above the feature level is of a later
// version.
cluster::StateCheck state_check(wire::FeatureLevel features_max);

}  // namespace tandem::master
