// cluster_envelope.hpp: POST /cluster/messages, voter -> voter: who sends, where it can be reached,
// and a batch of the core's messages.
//
//   {"format": 2, "node": "a", "control": "10.0.0.1:7070", "listen": "10.0.0.1:8080",
//    "pass": "9f3c...", "election_timeout_ms": 500,
//    "messages": [{"cluster": 1, "from": ..., "to": ..., "term": 3, "append": ...}]}
//
// The answer is 204: a member replies with requests of its own. Only programs of one cluster write
// and read these documents, so anything that is not understood is refused: an unknown format or
// member comes from a later version. The format is the feature level that the sender uses
// (features.hpp).
//
// Entries and configurations have the same form on the disk. Instants and Durations are whole
// nanoseconds; ids are below 2^53. Commands and snapshots are JSON texts themselves, and are sent
// as strings.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/endpoint.hpp"
#include "common/base/result.hpp"
#include "common/core/messages.hpp"
#include "common/wire/features.hpp"
#include "common/wire/standing.hpp"

namespace tandem::wire {

// A worker that the primary has ejected because it failed repeatedly.
struct EjectedWorker {
  std::string name;
  Duration left{0};        // until it is tried again; whole milliseconds
  unsigned ejections = 1;  // in a row; each one is longer than the last
  std::string reason{};    // for people
  friend bool operator==(const EjectedWorker&, const EjectedWorker&) = default;
};

// What only a primary knows about the workers, since it forwards to them.
struct FoundOut {
  std::vector<EjectedWorker> ejected;  // at most limits::ejected_workers_max
  std::vector<std::string> panicking;  // services; at most limits::services_max
  bool empty() const { return ejected.empty() && panicking.empty(); }
  friend bool operator==(const FoundOut&, const FoundOut&) = default;
};

inline constexpr std::size_t disk_failure_bytes_max = 160;

// The applied state of a master after an entry: masters that have applied the same entry have the
// same state.
struct StateDigest {
  LogIndex index;
  Term term;  // of that entry
  std::uint64_t digest = 0;
  friend bool operator==(const StateDigest&, const StateDigest&) = default;
};

struct ClusterEnvelope {
  core::NodeId node;  // the sender
  // Where it receives messages: numeric; a host 0.0.0.0 or :: means the address that the message
  // came from. Port 0, of a witness: on connections that it has made; then absent.
  Endpoint control;
  std::string listen;  // HOST:PORT where its clients connect, host as above; empty for a witness
  // HOST:PORT, host as above, where other masters pass requests on to it; empty: where its clients
  // connect. From features::inner_addresses on; absent when empty.
  std::string inner{};
  // A standby presents this with the client requests that it passes on to this node, so that the
  // node believes what the standby says about the client; 32 hex digits, empty for a witness.
  std::string pass;
  // The length of its promises and, less a margin, of its leases. Members whose timing differs must
  // not vote together: the primary's lease could outlast a voter's promise.
  Duration election_timeout{0};
  // Sent so that a successor need not learn it from failed requests: "ejected" and "panicking",
  // each absent when empty.
  FoundOut found_out;
  std::vector<core::Message> messages;
  std::optional<Standing> standing{};  // by a primary, from feature level 2 on
  // Why it cannot write its log; "disk_failure" is absent while it can. Such a member must not be
  // elected, and does not count as protection. From feature level 2 on.
  std::string disk_failure{};
  // From a master, from features::agreed_state on: "applied": {"index": 7, "term": 3, "digest": "16
  // hex digits"}.
  std::optional<StateDigest> applied{};
  Features features{};  // from the head of the request, not from the document
  // Of a master that does not lead: the voters that it does not reach (unreached.hpp). From the
  // head, too.
  std::vector<core::NodeId> unreached{};
};

std::string to_json(const ClusterEnvelope& envelope);
// Reads all but the features. Errors: `invalid`, naming the member at fault, also for more than
// limits::cluster_body_bytes_max and for a later format (the message names both formats).
Result<ClusterEnvelope> parse_cluster_envelope(std::string_view json);

// For the disk. Errors: `invalid`.
std::string to_json(const core::Entry& entry);
Result<core::Entry> parse_entry(std::string_view json);
std::string to_json(const core::Configuration& configuration);
Result<core::Configuration> parse_configuration(std::string_view json);

}  // namespace tandem::wire
