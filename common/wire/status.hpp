// status.hpp: GET /status, GET /v1/workers, GET /v1/services: what a node knows, for people and
// programs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/endpoint.hpp"
#include "common/base/result.hpp"
#include "common/base/strong.hpp"

namespace tandem::wire {

// Answers by the protocol of the client (HTTP/1, HTTP/2) and the class of the status (1xx to 5xx).
inline constexpr std::size_t client_protocols = 2;
inline constexpr std::size_t status_classes = 5;
using AnswerCounts = std::array<std::array<std::uint64_t, status_classes>, client_protocols>;

constexpr std::uint64_t total(const AnswerCounts& answers) {
  std::uint64_t sum = 0;
  for (const auto& by_class : answers) {
    for (const auto count : by_class) sum += count;
  }
  return sum;
}

struct WorkerStatus {
  std::string name;
  std::string service;
  std::string address;   // HOST:PORT
  std::string kind;      // tandem (heartbeats) | backend (probed)
  std::string state;     // up | suspect | down | draining
  std::string reason;    // why it is not up, or what is wrong with it; one short sentence, or empty
  std::string protocol;  // that is spoken to it: http1 | http2; empty from older masters
  unsigned weight = 0;
  unsigned connections = 0;  // what it can hold
  unsigned in_flight = 0;  // requests that this master has forwarded and that are not answered yet
  std::uint64_t requests = 0;  // answered since this master started
  std::uint64_t failures = 0;  // attempts that failed at this worker since this master started
  std::optional<std::int64_t>
      last_heartbeat_ms;  // how long ago; for a backend, the last good probe; null before the first
  // How long it stays ejected; 0: it is being probed by a request; null: it is not ejected.
  std::optional<std::int64_t> until_ms{};
  unsigned in_flight_elsewhere = 0;  // the requests that it reported, less `in_flight`
  bool tls = false;                  // it is spoken to over TLS
  // Its latest attempts, all of which failed; 0: the last one did not. 0 from older masters.
  std::uint64_t failures_in_a_row = 0;
  // Of its certificate of the cluster, as it has shown it to this master; empty: none, or not yet.
  std::string certificate_expires{};                     // RFC 3339, UTC
  std::optional<std::uint64_t> certificate_days_left{};  // whole ones; 0 as well when it has ended
  AnswerCounts answers{};  // what `requests` sums up; for metrics, and in no document
};

// The health of a service as a whole.
struct ServiceHealth {
  std::string name;
  unsigned workers = 0;  // those that would get traffic if they were healthy
  unsigned out = 0;      // those of them that do not get any because of their health
  bool panic =
      false;  // more than half are out, so that unhealthy workers are tried as a last resort
};

struct VoterStatus {
  std::string name;
  std::string kind;  // master | witness
  LogIndex match_index;
  // The number of committed entries that it lacks, and whether it lacks none and answers. As known
  // by `voters_told_by`; null while no master knows it.
  std::optional<std::uint64_t> lag{};
  std::optional<bool> in_sync{};
  std::optional<std::int64_t>
      silent_ms{};  // how long the primary has not heard it; null while it answers
};

struct PrimaryStatus {
  std::string node;
  std::string control;  // HOST:PORT
  std::string listen;   // HOST:PORT
  // Where other masters pass requests on to it, HOST:PORT; empty: where clients come, or this one
  // does not know.
  std::string inner{};
};

// An address of --vip.
struct VipStatus {
  std::string address;    // with the length of its network
  std::string interface;  // the interface that has it while this node serves
  bool held = false;      // the interface has it now
  std::string problem;    // what is wrong with it, one sentence; empty: nothing
};

// A registry of others from which this node reads the instances of a service (--discover).
struct SourceStatus {
  std::string source;   // as --discover has it
  std::string service;  // here
  // read | unread: not yet | lost: it cannot be read, and the instances that were read stay |
  // doubted: it lists nothing any more, and is read once more
  std::string state;
  std::string problem{};                  // why it is lost; empty: it is not
  std::optional<std::int64_t> lost_ms{};  // for how long; null: it is not
  std::uint64_t instances = 0;            // that were read last
  std::uint64_t left_out = 0;             // those of them that are no workers here
  std::string left_out_why{};             // of one of them
  std::uint64_t skipped = 0;              // listed there, but no instances
  std::string skipped_why{};              // of one of them
};

// A registry of others into which the primary writes where services are (--publish), as this node
// sees it.
struct PublicationStatus {
  std::string publication;  // as --publish has it
  // written | unwritten: not yet | lost: it cannot be written | standing_by: another master writes
  std::string state;
  std::string problem{};                  // why it is lost; empty: it is not
  std::optional<std::int64_t> lost_ms{};  // for how long; null: it is not
  std::uint64_t entries = 0;              // that are there
  std::uint64_t left_out = 0;             // whose key is somebody else's
  std::string left_out_why{};             // of one of them
};

// What says who leads, in place of voters (--coordinator).
struct CoordinatorStatus {
  std::string kind;  // etcd
  std::vector<std::string> endpoints;
  bool reachable = true;                         // by this node
  std::optional<std::int64_t> unreachable_ms{};  // for how long it has not been; null while it is
  std::string problem{};                         // why; empty while it is
};

// A certificate that clients are shown.
struct CertificateStatus {
  std::string file;
  std::vector<std::string> names;  // of hosts, wildcards among them
  std::string expires;             // RFC 3339, UTC
  std::uint64_t days_left = 0;     // whole ones; 0 as well when it has expired
  // Whole days since then; unset: it has not, or an older master tells it.
  std::optional<std::uint64_t> expired_days{};
  std::string valid_from{};  // RFC 3339, UTC, where that is still to come; empty: it is not
};

// Messages of supposed members that were refused since this node started.
struct RefusedMessages {
  std::uint64_t foreign = 0;       // of another cluster, or another timing
  std::uint64_t malformed = 0;     // not understood, or from a later version
  std::uint64_t unauthorized = 0;  // without the token, or with a wrong one
};

// Requests to the control address that were refused for the token, since this node started.
struct RefusedRequests {
  std::uint64_t unauthorized = 0;  // without one, or with one that is unknown or has expired
  std::uint64_t forbidden = 0;     // with one that allows too little
};

// A token that this node knows, without what it could be recognized by.
struct CredentialStatus {
  std::string name;
  std::string role;
  std::string until{};          // its last day, 2027-01-31; empty: it does not expire
  std::uint64_t days_left = 0;  // until then; 0 on that day, and where it does not expire
  bool expired = false;
  bool replaced = false;  // another of that name holds longer
};

// A process of this master.
struct ProcessStatus {
  std::int64_t pid = 0;
  std::string since{};  // RFC 3339, UTC: it serves since then; the one before: serves no more
  std::uint64_t connections = 0;  // of clients, that the one before still has
};

struct Status {
  std::string cluster;  // the cluster's id
  std::string node;
  std::string version;
  std::optional<ProcessStatus> process{};  // unset from older masters
  // The process before, after an upgrade, while it still has clients.
  std::optional<ProcessStatus> former_process{};
  std::string role;  // primary | standby | candidate
  Term term;
  bool protected_ = false;  // "protected": any single loss would be survived now
  std::string protection;   // the reason, in words; empty from older masters
  // The cluster's, according to the state that this node has applied (features.hpp).
  std::uint64_t feature_level = 1;
  std::string mode = "quorum";  // quorum | pair: two masters without a witness, availability first
  // Why the last reload of the configuration was refused; empty: it was not, or there was none.
  std::string refused_reload{};
  std::string failure;  // why this node cannot take part as it should; empty while it does
  std::optional<PrimaryStatus> primary;
  LogIndex commit_index;
  LogIndex applied_index;
  std::uint64_t lag = 0;  // committed entries that this node is known to lack
  bool in_sync = false;   // it could take over now, or leads
  // How long it may serve without leading, under a grant; unset: it holds none.
  std::optional<std::uint64_t> grant_ms{};
  // Masters whose applied state is known to differ from this node's: an alarm; the state is being
  // repaired.
  std::vector<std::string> differing;
  RefusedMessages refused_messages;
  RefusedRequests refused_requests;
  std::vector<CredentialStatus> credentials;       // none: no token is required, or an older master
  std::vector<VipStatus> vips;                     // of this node
  std::vector<SourceStatus> sources{};             // of this node; none: it reads none
  std::vector<PublicationStatus> publications{};   // of this node; none: it writes none
  std::vector<CertificateStatus> certificates;     // of this node
  std::optional<CoordinatorStatus> coordinator{};  // unset: members vote
  std::string voters_told_by;  // the master whose knowledge of the voters this is, which is the
                               // primary; empty: none
  // False while the newest change of voters is not committed: a voter that it removes may still be
  // needed, and must stay. True from older masters, which do not say.
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
std::string to_json(const std::vector<WorkerStatus>& workers);  // {"workers": [...]}
// {"certificates": [...]}
std::string to_json(const std::vector<CertificateStatus>& certificates);
std::string to_json(const std::vector<ServiceInstances>& services);  // {"services": [...]}
std::string to_json(const ServiceInstances& service);  // {"name": ..., "instances": [...]}
Result<Status> parse_status(std::string_view json);
Result<std::vector<WorkerStatus>> parse_workers(std::string_view json);
Result<ServiceInstances> parse_service(std::string_view json);

}  // namespace tandem::wire
