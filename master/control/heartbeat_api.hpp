// heartbeat_api.hpp: POST /heartbeat. The busiest path of the control API by far: thousands a
// second.
//
// A heartbeat in its short form (common/wire/repeated_heartbeat.hpp) costs a look into a table and
// an answer that has been made in advance. What was decided about the document that it repeats
// holds as long as nothing has changed by which that was decided: who may come (AccessControl),
// where the masters are, and what the settings of its service are; otherwise the worker is asked
// for all of it.
//
// Owner: the control loop's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/core/options.hpp"
#include "common/wire/heartbeat.hpp"
#include "common/wire/repeated_heartbeat.hpp"
#include "master/cluster/cluster_member.hpp"
#include "master/control/access_control.hpp"
#include "master/control/api_router.hpp"
#include "master/control/node_view.hpp"
#include "master/control/own_addresses.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

// Since the start.
struct HeartbeatCounts {
  std::uint64_t taken = 0;
  std::uint64_t unknown = 0;  // short ones, of what was not known: asked for in full
  std::uint64_t refused = 0;  // with another error
};

class HeartbeatApi {
 public:
  // What it answers from. All outlive it.
  struct Sources {
    Registry& registry;
    const NodeView& node;
    ClusterMember& member;
    AccessControl& access;
    const OwnAddresses& own_addresses;
    HeartbeatCounts& counts;
  };

  // Answers tell witnesses the `timing`.
  HeartbeatApi(Sources sources, const core::Timing& timing);

  void route(ApiRouter& router);
  // REQUIRES: the caller was admitted as a worker.
  ControlResponse answer(const ControlRequest& request);
  // Changes whenever a heartbeat that was admitted might be admitted no more.
  std::uint64_t admissions() const;

 private:
  ControlResponse take(const ControlRequest& request);
  ControlResponse take(const wire::RepeatedHeartbeat& heartbeat, const ControlRequest& request);
  void make_replies();
  Registry::Sender sender_of(const ControlRequest& request) const;
  ControlResponse reply(std::string text, std::string_view key, std::string_view service,
                        std::string_view warning) const;

  Sources sources_;
  const core::Timing timing_;

  // The three possible replies, made anew only when what they say has changed.
  std::uint64_t reply_version_ = 0;
  std::uint64_t view_version_ = 0;  // NodeView::version, of the replies
  Duration interval_{0};            // that they tell
  MasterRecords masters_;
  std::string registered_;
  std::string left_;
  std::string removed_;
};

// What is wrong with the address that a worker on the host `peer` advertises, for the worker's log;
// empty: nothing.
std::string warning_for(const wire::Heartbeat& heartbeat, std::string_view peer);

}  // namespace tandem::master
