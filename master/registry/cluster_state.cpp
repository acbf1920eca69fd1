#include "master/registry/cluster_state.hpp"

#include <algorithm>

#include "common/core/limits.hpp"
#include "common/wire/limits.hpp"
#include "master/registry/limits.hpp"
#include "master/registry/state_digest.hpp"

namespace tandem::master {

namespace {

Error name_taken(std::string_view name, const Endpoint& address) {
  return fail(ErrorCode::conflict,
              fmt::format("the name {} belongs to the worker at {}", name, address.to_string()),
              "name");
}

// Decisions about workers that are gone are kept, but only up to a limit.
template <class Container>
Result<> check_kept(const Container& kept, const std::string& name) {
  if (kept.size() < limits::workers_max || kept.contains(name)) return {};
  return fail(ErrorCode::unavailable,
              fmt::format("decisions about {} workers are kept already, the limit: delete workers "
                          "that are gone",
                          limits::workers_max));
}

}  // namespace

Error no_such_worker(std::string_view name) {
  return fail(ErrorCode::not_found, fmt::format("no worker has the name {}", name), "name");
}

// ---- changes: checks and effects

Result<> ClusterState::check_drain_room(const std::string& name) const {
  return check_kept(drained, name);
}

Result<> ClusterState::check_weight_room(const std::string& name) const {
  return check_kept(weights, name);
}

Result<> ClusterState::apply(const Change& change) {
  if (judges()) {
    auto possible = std::visit([this](const auto& each) { return check(each); }, change);
    if (!possible) return possible;
  }
  std::visit([this](const auto& each) { make(each); }, change);
  return {};
}

bool ClusterState::judges() const { return feature_level >= wire::features::agreed_state; }

bool ClusterState::knows_protocols() const {
  return feature_level >= wire::features::worker_protocols;
}

bool ClusterState::knows_inner_tls() const { return feature_level >= wire::features::inner_tls; }

bool ClusterState::knows_dialing_witnesses() const {
  return feature_level >= wire::features::dialing_witnesses;
}

bool ClusterState::knows(std::string_view name) const {
  return joined.contains(name) || added.contains(name);
}

Result<> ClusterState::check_room(std::string_view name) const {
  if (knows(name) || joined.size() + added.size() < limits::workers_max) return {};
  return fail(ErrorCode::unavailable,
              fmt::format("there are {} workers already, the limit", limits::workers_max));
}

Result<> ClusterState::check(const Join& join) const {
  const auto holder = added.find(join.name);
  if (holder != added.end()) return name_taken(join.name, holder->second.address);
  if (has_removed(join.name, join.worker.incarnation)) {
    return fail(ErrorCode::conflict, fmt::format("{} was removed", join.name), "name");
  }
  return check_room(join.name);
}

Result<> ClusterState::check(const Leave& leave) const {
  return joined.contains(leave.name) ? Result<>() : no_such_worker(leave.name);
}

// A --backend is known only to its own master.
Result<> ClusterState::check(const SetDrained& change) const {
  const bool is_kept = !change.drained && drained.contains(change.name);
  if (!knows(change.name) && !change.configured && !is_kept) return no_such_worker(change.name);
  return change.drained ? check_drain_room(change.name) : Result<>();
}

Result<> ClusterState::check(const SetWeight& change) const {
  const bool is_kept = !change.weight && weights.contains(change.name);
  if (!knows(change.name) && !change.configured && !is_kept) return no_such_worker(change.name);
  return change.weight ? check_weight_room(change.name) : Result<>();
}

Result<> ClusterState::check(const AddWorker& change) const {
  const auto& name = change.spec.name;
  if (const auto holder = added.find(name); holder != added.end()) {
    return name_taken(name, holder->second.address);
  }
  if (const auto holder = joined.find(name); holder != joined.end()) {
    return name_taken(name, holder->second.address);
  }
  return check_room(name);
}

Result<> ClusterState::check(const RemoveWorker& change) const {
  const bool decided = drained.contains(change.name) || weights.contains(change.name);
  const bool is_removal =
      !change.incarnation.empty() && !has_removed(change.name, change.incarnation);
  if (!knows(change.name) && !decided && !is_removal) return no_such_worker(change.name);
  return {};
}

Result<> ClusterState::check(const SetRoute& change) const { return check_room(change.route); }

Result<> ClusterState::check_room(const wire::Route& route) const {
  const auto known = routes.find({route.host, route.prefix});
  if (routes.size() >= limits::routes_max && known == routes.end()) {
    return fail(ErrorCode::unavailable,
                fmt::format("there are {} routes already, the limit", limits::routes_max));
  }
  const auto freed = known == routes.end() ? 0 : bytes_kept(known->second);
  if (routes_bytes - freed + bytes_kept(route) <= limits::routes_bytes_max) return {};
  return fail(ErrorCode::unavailable,
              fmt::format("the routes take {} bytes already, the limit is {}", routes_bytes,
                          limits::routes_bytes_max));
}

Result<> ClusterState::check(const RemoveRoute& change) const {
  if (routes.contains({change.host, change.prefix})) return {};
  return fail(ErrorCode::not_found,
              fmt::format("there is no route {}{}", change.host, change.prefix), "prefix");
}

Result<> ClusterState::check(const SetSettings& change) const {
  return check_settings_room(change.service);
}

Result<> ClusterState::check_settings_room(const std::string& service) const {
  if (settings.size() < limits::services_max || settings.contains(service)) return {};
  return fail(
      ErrorCode::unavailable,
      fmt::format("there are settings of {} services already, the limit", limits::services_max));
}

Result<> ClusterState::check(const RemoveSettings& change) const {
  if (settings.contains(change.service)) return {};
  return fail(ErrorCode::not_found, fmt::format("there are no settings of {}", change.service),
              "name");
}

Result<> ClusterState::check(const SetSecret&) const {
  if (secret.empty()) return {};
  return fail(ErrorCode::conflict, "the cluster has a secret already");
}

Result<> ClusterState::check(const RaiseFeatureLevel&) const { return {}; }

Result<> ClusterState::check(const SetMasters&) const {
  if (masters.empty()) return {};
  return fail(ErrorCode::conflict, "the cluster knows its masters already");
}

Result<> ClusterState::check(const AdmitMaster& change) const {
  if (masters.contains(change.name) || masters.size() < limits::masters_max) return {};
  return fail(ErrorCode::unavailable,
              fmt::format("there are {} masters already, the limit", limits::masters_max));
}

// A master that is gone already needs no change, and is no error.
Result<> ClusterState::check(const ExpelMaster& change) const {
  if (masters.size() > 1 || !masters.contains(change.name)) return {};
  return fail(ErrorCode::conflict, fmt::format("{} is the last master", change.name));
}

// ---- the records, and the digest over them

void ClusterState::make(const Join& join) {
  drop(joined, join.name);
  digest_ += hash_of(join.name, join.worker);
  joined.emplace(join.name, join.worker);
}

void ClusterState::make(const Leave& leave) { drop(joined, leave.name); }

void ClusterState::make(const SetDrained& change) {
  if (change.drained) return put_drained(change.name);
  if (drained.erase(change.name) > 0) digest_ -= hash_of_drained(change.name);
}

void ClusterState::make(const SetWeight& change) {
  drop(weights, change.name);
  if (change.weight) put_weight(change.name, *change.weight);
}

void ClusterState::make(const AddWorker& change) {
  drop(added, change.spec.name);
  digest_ += hash_of(change.spec.name, change.spec);
  added.emplace(change.spec.name, change.spec);
}

void ClusterState::make(const RemoveWorker& change) {
  make(SetDrained{change.name, false});
  drop(weights, change.name);
  drop(added, change.name);
  drop(joined, change.name);
  if (change.incarnation.empty() || has_removed(change.name, change.incarnation)) return;
  removed.push_back(change);
  digest_ += hash_of(change);
  if (removed.size() <= limits::removed_workers_max) return;
  digest_ -= hash_of(removed.front());
  removed.pop_front();
}

void ClusterState::make(const SetRoute& change) {
  make(RemoveRoute{change.route.host, change.route.prefix});
  routes_bytes += bytes_kept(change.route);
  digest_ += hash_of(change.route);
  routes.emplace(RouteKey{change.route.host, change.route.prefix}, change.route);
}

void ClusterState::make(const RemoveRoute& change) {
  const auto found = routes.find({change.host, change.prefix});
  if (found == routes.end()) return;
  routes_bytes -= bytes_kept(found->second);
  digest_ -= hash_of(found->second);
  routes.erase(found);
}

void ClusterState::make(const SetSettings& change) {
  drop(settings, change.service);
  digest_ += hash_of(change.service, change.settings);
  settings.emplace(change.service, change.settings);
}

void ClusterState::make(const RemoveSettings& change) { drop(settings, change.service); }

void ClusterState::make(const SetSecret& change) {
  if (secret.empty()) put_secret(change.secret);
}

// Below the level that checks changes, a name could have both joined and been added: the operator's
// record stays.
void ClusterState::make(const RaiseFeatureLevel& change) {
  if (change.level <= feature_level) return;
  const bool judged = judges();
  put_feature_level(change.level);
  if (judged || !judges()) return;
  for (const auto& [name, spec] : added) drop(joined, name);
}

void ClusterState::make(const SetMasters& change) {
  if (!masters.empty()) return;
  for (const auto& [name, master] : change.masters) put_master(name, master);
}

void ClusterState::make(const AdmitMaster& change) {
  if (!masters.contains(change.name) && masters.size() >= limits::masters_max) return;
  put_master(change.name, change.master);
}

// A master that was to replace it has replaced it.
void ClusterState::make(const ExpelMaster& change) {
  if (masters.size() < 2 || !masters.contains(change.name)) return;
  drop(masters, change.name);
  for (const auto& [name, master] : MasterRecords(masters)) {
    if (master.replaces == change.name) put_master(name, {.address = master.address});
  }
}

void ClusterState::put_master(const std::string& name, const MasterRecord& master) {
  drop(masters, name);
  digest_ += hash_of(name, master);
  masters.emplace(name, master);
}

void ClusterState::forget_masters() {
  for (const auto& [name, master] : MasterRecords(masters)) drop(masters, name);
}

void ClusterState::put_drained(const std::string& name) {
  if (drained.insert(name).second) digest_ += hash_of_drained(name);
}

void ClusterState::put_weight(const std::string& name, unsigned weight) {
  if (weights.emplace(name, weight).second) digest_ += hash_of(name, weight);
}

void ClusterState::put_secret(const std::string& made) {
  secret = made;
  digest_ += RecordHash("secret").text(made).value();
}

void ClusterState::put_feature_level(wire::FeatureLevel level) {
  const auto hash = [](wire::FeatureLevel of) {
    return RecordHash("feature_level").number(of.value()).value();
  };
  digest_ += hash(level) - hash(feature_level);
  feature_level = level;
}

template <class Map>
void ClusterState::drop(Map& records, const std::string& name) {
  const auto found = records.find(name);
  if (found == records.end()) return;
  digest_ -= hash_of(name, found->second);
  records.erase(found);
}

std::size_t bytes_kept(const wire::Route& route) {
  const auto rules = route.rules == wire::RequestRules() ? 0 : wire::to_json(route).size();
  return route.host.size() + route.prefix.size() + rules;
}

// Newest first: a worker that was just removed still heartbeats once, the older ones no longer do.
bool ClusterState::has_removed(std::string_view name, std::string_view incarnation) const {
  return std::any_of(removed.rbegin(), removed.rend(), [&](const RemoveWorker& worker) {
    return worker.incarnation == incarnation && worker.name == name;
  });
}

}  // namespace tandem::master
