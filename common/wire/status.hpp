// status.hpp: GET /status, GET /v1/workers, GET /v1/services: what a node knows, for people and
// programs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/endpoint.hpp"
#include "common/base/result.hpp"
#include "common/base/strong.hpp"

namespace tandem::wire {

struct WorkerStatus {
  std::string name;
  std::string service;
  std::string address;  // HOST:PORT
  std::string kind;     // tandem (heartbeats) | backend (probed)
  std::string state;    // up | suspect | down | draining
  std::string reason;   // why it is not up, one short sentence; empty when up
  unsigned weight = 0;
  unsigned connections = 0;    // what it can hold
  unsigned in_flight = 0;      // requests this master has forwarded and not seen answered
  std::uint64_t requests = 0;  // answered since this master started
  std::uint64_t failures = 0;  // attempts that failed at this worker since this master started
  std::optional<std::int64_t>
      last_heartbeat_ms;  // ago; for a backend the last good probe; null before it
  // How long it is still left alone because it failed requests; 0: it is being tried; null: it is
  // not left alone.
  std::optional<std::int64_t> until_ms{};
  unsigned in_flight_elsewhere = 0;  // what it said it works on besides `in_flight`
};

// How a service as a whole is.
struct ServiceHealth {
  std::string name;
  unsigned workers = 0;  // that would get traffic if they were well
  unsigned out = 0;      // of those, that do not get it for their health
  bool panic = false;    // more than half are out: the least bad get it
};

struct VoterStatus {
  std::string name;
  std::string kind;  // master | witness
  LogIndex match_index;
  // Committed entries that it lacks, and whether it lacks none and answers; as `voters_told_by`
  // knows it, null while nobody does.
  std::optional<std::uint64_t> lag{};
  std::optional<bool> in_sync{};
  std::optional<std::int64_t> silent_ms{};  // unheard by the primary; null while it answers
};

struct PrimaryStatus {
  std::string node;
  std::string control;  // HOST:PORT
  std::string listen;   // HOST:PORT
};

// An address of --vip.
struct VipStatus {
  std::string address;    // with the length of its network
  std::string interface;  // where it is put when this node serves
  bool held = false;      // it is there now
  std::string problem;    // what is wrong with it, one sentence; empty: nothing
};

// Messages of would-be members that were not taken, since this node started.
struct RefusedMessages {
  std::uint64_t foreign = 0;       // of another cluster, or another timing
  std::uint64_t malformed = 0;     // not understood, or of a later version
  std::uint64_t unauthorized = 0;  // without the token, or with a wrong one
};

struct Status {
  std::string cluster;  // the cluster's id
  std::string node;
  std::string version;
  std::string role;  // primary | standby | candidate
  Term term;
  bool protected_ = false;  // "protected": any single loss would be survived now
  std::string protection;   // why it is so or not, in words; empty from older masters
  // The cluster's, by the state that this node has applied (features.hpp).
  std::uint64_t feature_level = 1;
  std::string mode = "quorum";  // quorum | pair: two masters without a witness, availability first
  std::string failure;          // why this node cannot take part as it should; empty while it does
  std::optional<PrimaryStatus> primary;
  LogIndex commit_index;
  LogIndex applied_index;
  std::uint64_t lag = 0;  // committed entries that this node is known to lack
  bool in_sync = false;   // it could take over now, or leads
  // Masters whose applied state is known to differ from this node's: an alarm, and being healed.
  std::vector<std::string> differing;
  RefusedMessages refused_messages;
  std::vector<VipStatus> vips;  // of this node
  std::string voters_told_by;   // whose knowledge of them this is: the primary's; empty: nobody's
  // False while the newest change of who votes is not committed: whoever votes no more by it may be
  // asked again, and must stay. True from older masters, which do not say.
  bool voters_committed = true;
  std::vector<VoterStatus> voters;
  std::vector<std::string> without_vote;  // masters of the cluster that do not vote yet
  std::vector<ServiceHealth> services;
  std::vector<WorkerStatus> workers;
};

// "state" of a service's instance list: only workers that get traffic now (state up, weight above
// 0).
struct ServiceInstances {
  std::string name;
  std::vector<WorkerStatus> instances;
  bool panic = false;
};

std::string to_json(const Status& status);
std::string to_json(const std::vector<WorkerStatus>& workers);       // {"workers": [...]}
std::string to_json(const std::vector<ServiceInstances>& services);  // {"services": [...]}
std::string to_json(const ServiceInstances& service);  // {"name": ..., "instances": [...]}
Result<Status> parse_status(std::string_view json);
Result<std::vector<WorkerStatus>> parse_workers(std::string_view json);
Result<ServiceInstances> parse_service(std::string_view json);

}  // namespace tandem::wire
