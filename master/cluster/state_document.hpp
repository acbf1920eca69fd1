// state_document.hpp: the replicated state in the form of a snapshot, and the check whether this
// version can apply a log.
//
//   {"format": 2, "clients": [[life, last, index], ...], "state": {...}}
//
// Input comes from other members or from a disk: it is bounded and checked completely before it is
// kept.
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

// The last command of one run of a master.
struct CommandClient {
  std::uint64_t last = 0;  // its number in that run
  LogIndex at;             // its index in the log
};
// By run; at most limits::command_clients_max.
using CommandClients = std::map<std::uint64_t, CommandClient>;

struct StateDocument {
  CommandClients clients;
  ClusterState state;
};

std::string to_json(const CommandClients& clients, const ClusterState& state);
// Errors: `invalid` for content that no version writes, `conflict` for content of a later version.
Result<StateDocument> parse_state_document(std::string_view json);

// Accepts commands that are changes, and snapshots that are state documents; anything above the
// feature level counts as from a later version.
cluster::StateCheck state_check(wire::FeatureLevel features_max);

}  // namespace tandem::master
