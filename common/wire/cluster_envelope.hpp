// cluster_envelope.hpp: POST /cluster/messages, voter -> voter: who sends, where it can be reached,
// and a batch of the core's messages.
//
//   {"format": 2, "node": "a", "control": "10.0.0.1:7070", "listen": "10.0.0.1:8080",
//    "pass": "9f3c...", "election_timeout_ms": 500,
//    "messages": [{"cluster": 1, "from": ..., "to": ..., "term": 3, "append": ...}]}
//
// The answer is 204: what a member has to say it says in requests of its own. The documents are
// written and read by programs of one cluster alone, so what is not understood is refused: a
// format or a member that is not known comes from a later version. The format is the feature level
// that the sender goes by (features.hpp).
//
// Entries and configurations are on the disk as they are on the wire. Instants and Durations are
// whole nanoseconds; ids are below 2^53. Commands and snapshots are JSON text themselves, and are
// carried as strings.
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

// A worker that the primary leaves alone because it failed again and again.
struct EjectedWorker {
  std::string name;
  Duration left{0};        // until it is tried again; whole milliseconds
  unsigned ejections = 1;  // in a row: the next one is longer
  std::string reason{};    // for people
  friend bool operator==(const EjectedWorker&, const EjectedWorker&) = default;
};

// What a primary alone knows of the workers, for it has forwarded to them.
struct FoundOut {
  std::vector<EjectedWorker> ejected;  // at most limits::ejected_workers_max
  std::vector<std::string> panicking;  // services; at most limits::services_max
  bool empty() const { return ejected.empty() && panicking.empty(); }
  friend bool operator==(const FoundOut&, const FoundOut&) = default;
};

inline constexpr std::size_t disk_failure_bytes_max = 160;

// The applied state of a master after an entry: whoever has applied the same entry has the same.
struct StateDigest {
  LogIndex index;
  Term term;  // of that entry
  std::uint64_t digest = 0;
  friend bool operator==(const StateDigest&, const StateDigest&) = default;
};

struct ClusterEnvelope {
  core::NodeId node;  // the sender
  // Where it takes messages: numeric, port not 0; host 0.0.0.0 or :: means "the address you hear me
  // from".
  Endpoint control;
  std::string listen;  // HOST:PORT where its clients connect, host as above; empty for a witness
  // What a standby presents with the client requests that it passes on to this node, so that the
  // node believes what the standby says of the client; 32 hex digits, empty for a witness.
  std::string pass;
  // What its promises and leases are measured by. Members whose timing differs must not vote
  // together: the primary's lease could outlast a voter's promise.
  Duration election_timeout{0};
  // So that its successor need not learn it from failed requests: "ejected" and "panicking", each
  // missing when there is nothing to say.
  FoundOut found_out;
  std::vector<core::Message> messages;
  std::optional<Standing> standing{};  // by a primary, from feature level 2 on
  // Why it cannot write its log, which "disk_failure" is missing while it can: it must not be
  // elected, and is no protection. From feature level 2 on.
  std::string disk_failure{};
  // Of a master, from features::agreed_state on: "applied": {"index": 7, "term": 3, "digest":
  // "16 hex digits"}.
  std::optional<StateDigest> applied{};
  Features features{};  // in the head of the request, not in the document
};

std::string to_json(const ClusterEnvelope& envelope);
// But for its features. Errors: `invalid`, naming the member at fault; more than
// limits::cluster_body_bytes_max; a later format (its sentence names both).
Result<ClusterEnvelope> parse_cluster_envelope(std::string_view json);

// For the disk. Errors: `invalid`.
std::string to_json(const core::Entry& entry);
Result<core::Entry> parse_entry(std::string_view json);
std::string to_json(const core::Configuration& configuration);
Result<core::Configuration> parse_configuration(std::string_view json);

}  // namespace tandem::wire
