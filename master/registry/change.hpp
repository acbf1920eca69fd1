// change.hpp: the changes of cluster state that are replicated: each is one command of the log.
//
// Everything else is soft state: each master observes health and load itself.
//
// In the log each is a JSON object with one member, named after the kind of change:
//   {"join": {"name": "w1", "service": "default", "address": "10.0.0.9:9001", ...}}
//   {"leave": "w1"}  {"drain": "w1"}  {"undrain": "w1"}  {"weight": {"name": "w1", "weight": 50}}
//   {"drain": {"name": "b1", "configured": true}}, for a --backend; likewise undrain and weight
//   {"add": {"name": "n1", "address": "10.0.0.5:80", ...}}  {"remove": "n1"}
//   {"dismiss": {"name": "w1", "incarnation": "6f1c..."}}, a removal of a worker that would come
//   back
//   {"route": {"host": "", "prefix": "/api", "service": "shop", "strip": false}}
//   {"unroute": {"host": "", "prefix": "/api"}}
//   {"settings": {"service": "shop", "balance": "random", ...}}  {"unset": "shop"}
//   {"secret": "9f86..."}, once: the first one that is committed stays
//   {"masters": [{"name": "a", "address": "10.0.0.1:7070"}, ...]}, once: the founding masters
//   {"admit": {"name": "c", "address": "10.0.0.3:7070", "replaces": "b"}}  {"expel": "b"}
//   {"feature_level": 2}, higher than before (common/wire/features.hpp)
// From wire::features::change_authors on, a second member says who asked for it, where somebody
// did:
//   {"drain": "w1", "by": {"name": "ops", "role": "operator", "from": "10.0.0.7"}}
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <nlohmann/json_fwd.hpp>

#include "common/base/endpoint.hpp"
#include "common/base/result.hpp"
#include "common/wire/author.hpp"
#include "common/wire/features.hpp"
#include "common/wire/heartbeat.hpp"
#include "common/wire/route.hpp"
#include "common/wire/service_settings.hpp"
#include "common/wire/worker_spec.hpp"

namespace tandem::master {

// A Tandem worker, as its heartbeat described it when the primary registered it.
struct JoinedWorker {
  std::string service;
  Endpoint address;           // numeric
  std::string incarnation{};  // empty: unknown, below wire::features::agreed_state
  unsigned weight = 100;
  unsigned connections = 64;
  bool takes_term = false;
  // That it speaks; empty: as its service says, or below wire::features::worker_protocols.
  std::optional<wire::WorkerProtocol> protocol{};
  std::optional<wire::WitnessOffer> witness{};
  bool tls = false;  // wire::Heartbeat::tls; unknown below wire::features::inner_tls

  friend bool operator==(const JoinedWorker&, const JoinedWorker&) = default;
};

struct Join {
  std::string name;
  JoinedWorker worker;
};
struct Leave {
  std::string name;
};
struct SetDrained {
  std::string name;
  bool drained = true;
  bool configured = false;  // the worker is a --backend, which is not in the state
};
struct SetWeight {
  std::string name;
  std::optional<unsigned> weight;  // empty: its own weight applies again
  bool configured = false;
};
struct AddWorker {
  wire::WorkerSpec spec;
};
// With all decisions about it.
struct RemoveWorker {
  std::string name;
  std::string incarnation{};  // the incarnation of a live Tandem worker, which is told of its
                              // removal; empty: of a worker that is gone
};
// Replaces the route with the same host and prefix.
struct SetRoute {
  wire::Route route;
};
struct RemoveRoute {
  std::string host;
  std::string prefix;
};

// Replaces all settings of the service.
struct SetSettings {
  std::string service;
  wire::ServiceSettings settings;
};
struct RemoveSettings {
  std::string service;
};

// The cluster's secret, from which keys are derived (common/wire/term_proof.hpp): 64 hexadecimal
// digits. The first one stays.
struct SetSecret {
  std::string secret;
};

// A master that belongs to the cluster. Its host may be a name; 0.0.0.0 or :: means the address
// from which it is heard.
struct MasterRecord {
  Endpoint address;
  std::string replaces{};  // the master that leaves once this one votes; empty: none
  friend bool operator==(const MasterRecord&, const MasterRecord&) = default;
};
// By name; at most limits::masters_max.
using MasterRecords = std::map<std::string, MasterRecord, std::less<>>;

// The masters that founded the cluster. The first such change stays.
struct SetMasters {
  MasterRecords masters;
};
// Replaces the master's record in the state.
struct AdmitMaster {
  std::string name;
  MasterRecord master;
};
// Refused for the last master.
struct ExpelMaster {
  std::string name;
};

// All members support this level, which applies from now on.
struct RaiseFeatureLevel {
  wire::FeatureLevel level;
};

using Change = std::variant<Join, Leave, SetDrained, SetWeight, AddWorker, RemoveWorker, SetRoute,
                            RemoveRoute, SetSettings, RemoveSettings, SetSecret, RaiseFeatureLevel,
                            SetMasters, AdmitMaster, ExpelMaster>;

// A change as it stands in the log. Who asked for it changes nothing in the state.
struct AuthoredChange {
  Change change;
  wire::Author by{};  // empty: nobody did, or it is unknown
};

bool is_secret(std::string_view text);

// The name of the worker that the change is about; empty if it is about none.
std::string subject_of(const Change& change);

// The feature level that a reader of the change must support.
wire::FeatureLevel level_needed(const Change& change);
wire::FeatureLevel level_needed(const AuthoredChange& authored);

std::string to_json(const Change& change);
std::string to_json(const AuthoredChange& authored);
// Errors: `invalid`, naming the member at fault; `conflict` for a change that this version does not
// know, which a later one has written.
Result<AuthoredChange> parse_authored_change(std::string_view json);
// The same of a change without an author.
Result<Change> parse_change(std::string_view json);
// Of a document that was read, within the limits of documents.
Result<Change> read_change(const nlohmann::json& json);

}  // namespace tandem::master
