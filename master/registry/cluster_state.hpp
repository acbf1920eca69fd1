// cluster_state.hpp: what all masters agree on: the sum of the committed changes.
//
// Decisions are kept by the worker's name, not by its registration: a drained worker that restarts,
// or that was forgotten, is drained still when it comes back.
//
// As a snapshot: {"format": 2, "joined": [...], "drained": ["w1"], "weights": {"w2": 50}, "added":
// [...], "routes": [...], "removed": [...], "settings": [...], "secret": "9f86...",
// "masters": [{"admit": ...}, ...]}
//
// Owner: the registry. Always: the same changes in the same order give the same state.
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

// Of services, by their names.
using Settings = std::map<std::string, wire::ServiceSettings, std::less<>>;

struct ClusterState {
  std::map<std::string, JoinedWorker, std::less<>> joined;  // by their names
  std::set<std::string, std::less<>> drained;
  std::map<std::string, unsigned, std::less<>> weights;
  std::map<std::string, wire::WorkerSpec, std::less<>> added;  // by their names
  Routes routes;
  Settings settings;
  std::size_t routes_bytes = 0;  // bytes_kept() of all
  // Tandem workers that were removed while they were about, the oldest first: at most
  // limits::removed_workers_max, each with an incarnation.
  std::deque<RemoveWorker> removed;
  // Of the cluster; it is the format of documents, too.
  wire::FeatureLevel feature_level = wire::features::oldest;
  MasterRecords masters;  // who belongs; none: the state does not say, it is of an older version
  std::string secret;     // the cluster's own; empty: none was made yet. Never logged

  void apply(const Change& change);
  bool has_removed(std::string_view name, std::string_view incarnation) const;

 private:
  void admit(const AdmitMaster& change);
  void expel(const ExpelMaster& change);
  void set_route(const wire::Route& route);
  void remove_route(const RouteKey& key);
  void remove_worker(const RemoveWorker& change);
};

// What a route takes of limits::routes_bytes_max: its host, its prefix, and what it says of
// requests.
std::size_t bytes_kept(const wire::Route& route);

std::string to_json(const ClusterState& state);
// Errors: `invalid`, naming the member at fault; `conflict` for a member, a change or a format that
// this version does not know: a later one has written what this one would lose.
Result<ClusterState> parse_cluster_state(std::string_view json);
// The member "format" of a stored document: a feature level. Errors: `invalid` when it is none,
// `conflict` when it is above wire::features::newest.
Result<wire::FeatureLevel> read_format(const nlohmann::json& json);
// Of a document that was read, within the limits of documents.
Result<ClusterState> read_cluster_state(const nlohmann::json& json);

}  // namespace tandem::master
