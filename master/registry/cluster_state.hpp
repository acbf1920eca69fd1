// cluster_state.hpp: the state that all masters agree on: the result of all committed changes.
//
// Decisions are stored by the worker's name, not by its registration: a drained worker that
// restarts, or was forgotten, is still drained when it comes back.
//
// As a snapshot: {"format": 2, "joined": [...], "drained": ["w1"], "weights": {"w2": 50}, "added":
// [...], "routes": [...], "removed": [...], "settings": [...], "secret": "9f86...",
// "masters": [{"admit": ...}, ...]}
//
// It is a function of the log alone: liveness, time and configuration have no influence on the
// effect of a change, or on whether it is refused. So the outcome of each change is the same on all
// masters, even of two conflicting changes made at the same time.
//
// Owner: the registry. Always: the same changes in the same order give the same state and the same
// outcomes; at wire::features::agreed_state no name has both joined and been added.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "common/base/result.hpp"
#include "common/wire/worker_spec.hpp"
#include "master/registry/change.hpp"
#include "master/registry/route_table.hpp"

namespace tandem::master {

// The settings of services, by name.
using Settings = std::map<std::string, wire::ServiceSettings, std::less<>>;

struct ClusterState {
  std::map<std::string, JoinedWorker, std::less<>> joined;  // by their names
  std::set<std::string, std::less<>> drained;
  std::map<std::string, unsigned, std::less<>> weights;
  std::map<std::string, wire::WorkerSpec, std::less<>> added;  // by their names
  Routes routes;
  Settings settings;
  std::size_t routes_bytes = 0;  // the sum of bytes_kept()
  // Tandem workers that were removed while they were alive, the oldest first: at most
  // limits::removed_workers_max, each with an incarnation.
  std::deque<RemoveWorker> removed;
  // The cluster's feature level, which is also the format of documents.
  wire::FeatureLevel feature_level = wire::features::oldest;
  MasterRecords masters;  // the members; empty: unknown, in the state of an older version
  std::string secret;     // the cluster's secret; empty: none was made yet. Never logged

  // Makes the change, or refuses it; the author of the change gets the result. Errors: `not_found`,
  // `conflict`, `unavailable` at a limit; then nothing has changed. Below
  // wire::features::agreed_state every change is made, as in older versions.
  Result<> apply(const Change& change);
  bool has_removed(std::string_view name, std::string_view incarnation) const;
  // Whether a worker of that name has joined or was added.
  bool knows(std::string_view name) const;
  // Whether changes may be refused (see apply()).
  bool judges() const;
  // Whether it says what workers speak.
  bool knows_protocols() const;
  // Joined workers say whether they serve TLS.
  bool knows_inner_tls() const;
  bool knows_dialing_witnesses() const;
  // Whether there is room for a decision to drain that worker, or about its weight.
  Result<> check_drain_room(const std::string& name) const;
  Result<> check_weight_room(const std::string& name) const;
  Result<> check_room(const wire::Route& route) const;
  Result<> check_settings_room(const std::string& service) const;
  // Equal for equal states (state_digest.hpp).
  std::uint64_t digest() const { return digest_; }

  // Set records as stored, without checks: for readers of documents.
  void put_drained(const std::string& name);
  void put_weight(const std::string& name, unsigned weight);
  void put_secret(const std::string& made);
  void put_feature_level(wire::FeatureLevel level);
  // For the state from which a new cluster is founded.
  void forget_masters();

 private:
  Result<> check_room(std::string_view name) const;
  Result<> check(const Join& join) const;
  Result<> check(const Leave& leave) const;
  Result<> check(const SetDrained& change) const;
  Result<> check(const SetWeight& change) const;
  Result<> check(const AddWorker& change) const;
  Result<> check(const RemoveWorker& change) const;
  Result<> check(const SetRoute& change) const;
  Result<> check(const RemoveRoute& change) const;
  Result<> check(const SetSettings& change) const;
  Result<> check(const RemoveSettings& change) const;
  Result<> check(const SetSecret& change) const;
  Result<> check(const RaiseFeatureLevel& change) const;
  Result<> check(const SetMasters& change) const;
  Result<> check(const AdmitMaster& change) const;
  Result<> check(const ExpelMaster& change) const;

  void make(const Join& join);
  void make(const Leave& leave);
  void make(const SetDrained& change);
  void make(const SetWeight& change);
  void make(const AddWorker& change);
  void make(const RemoveWorker& change);
  void make(const SetRoute& change);
  void make(const RemoveRoute& change);
  void make(const SetSettings& change);
  void make(const RemoveSettings& change);
  void make(const SetSecret& change);
  void make(const RaiseFeatureLevel& change);
  void make(const SetMasters& change);
  void make(const AdmitMaster& change);
  void make(const ExpelMaster& change);
  void put_master(const std::string& name, const MasterRecord& master);
  template <class Map>
  void drop(Map& records, const std::string& name);

  std::uint64_t digest_ = 0;
};

// A `not_found` error.
Error no_such_worker(std::string_view name);

// The part of limits::routes_bytes_max that a route takes: its host, its prefix, and its settings.
std::size_t bytes_kept(const wire::Route& route);

std::string to_json(const ClusterState& state);
// Errors: `invalid`, naming the member at fault; `conflict` for a member, a change or a format of a
// later version, which this one would lose.
Result<ClusterState> parse_cluster_state(std::string_view json);
// The member "format" of a stored document: a feature level. Errors: `invalid` when it is not one,
// `conflict` when it is above wire::features::newest.
Result<wire::FeatureLevel> read_format(const nlohmann::json& json);
// Of a document that was read, within the limits of documents.
Result<ClusterState> read_cluster_state(const nlohmann::json& json);

}  // namespace tandem::master
