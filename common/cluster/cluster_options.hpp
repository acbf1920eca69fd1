// cluster_options.hpp: what a member of the cluster is told at its start.
//
// Units: Durations. Owner: a value.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "common/base/endpoint.hpp"
#include "common/cluster/state_check.hpp"
#include "common/core/options.hpp"
#include "common/tls/clear_text.hpp"
#include "common/tls/credentials.hpp"
#include "common/wire/features.hpp"

namespace tandem::cluster {

struct ClusterOptions {
  core::NodeId node;
  core::VoterKind kind = core::VoterKind::master;
  // Control addresses of the other masters; a host may be a name, whose addresses come later.
  std::map<core::NodeId, Endpoint> peers;
  // The cluster that a new master joins; 0: it founds one with its peers, or is a member already.
  core::ClusterId joins{};
  core::Timing timing;
  bool pair_failover = true;
  // Where the log is kept, a directory that this process has locked; empty: only in memory, which
  // is allowed for a master without peers.
  std::string directory;
  std::string token;  // presented to other members; empty: none
  // Witnesses, too, are presented the token. False, for masters: each gets a secret of its own,
  // since its address is what a worker said (ClusterNode::set_secret()).
  bool shares_token = true;
  // Other members are connected to with these; null: in clear.
  tls::CurrentCredentialsPtr credentials{};
  // Where to, without credentials.
  tls::ClearText clear_text = tls::ClearText::on_this_machine;
  std::string listen;   // HOST:PORT where clients connect; empty for a witness
  std::string inner{};  // HOST:PORT where other masters pass requests on; empty: at `listen`
  std::string pass;     // see wire::ClusterEnvelope
  // The state to found a new cluster from, in an empty directory; null: an empty state.
  std::shared_ptr<const core::Restoration> restoration{};
  StateCheck check;  // what the owner's state machine accepts
  // The highest feature level that this member supports; it takes no part in a cluster above it.
  wire::FeatureLevel features_max = wire::features::newest;

  // Errors: `invalid`, naming the flag.
  Result<> validate() const;
};

}  // namespace tandem::cluster
