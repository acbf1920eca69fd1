// Workers that registries of others list (--discover). They are this master's own, as those of
// --backend are, and probed as those.
//
// A registry is second-hand: what an operator has put at an address comes before what a registry
// lists there, and so does a worker that heartbeats, which says more of itself. When that one has
// gone, the listed one is taken.
#include <utility>

#include "common/base/log.hpp"
#include "common/wire/limits.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

namespace {
// How often those that are left out are looked at again, and how many at a time.
constexpr Duration looked_at_again = 1s;
constexpr std::size_t looked_at_max = 1'000;
}  // namespace

// Null: it has no record of its own.
WorkerRecord* Registry::discovered(std::string_view name) {
  const auto found = records_.find(name);
  const bool is_ours = found != records_.end() && found->second.kind == WorkerKind::discovered;
  return is_ours ? &found->second : nullptr;
}

void Registry::discover(Discovered listed, Instant now) {
  thread_.assert_here();
  for (const auto& [name, before] : std::exchange(discovered_, {})) {
    undiscovered_.erase(name);
    const auto after = listed.find(name);
    const bool stays = after != listed.end() && after->second.service == before.service &&
                       after->second.address == before.address;
    if (stays || discovered(name) == nullptr) continue;
    log::info("worker no longer listed name={} service={} address={}", name, before.service,
              before.address.to_string());
    erase(records_.find(name));
  }
  discovered_ = std::move(listed);
  for (const auto& [name, spec] : discovered_) {
    if (auto* const record = discovered(name)) {
      update(*record, spec);
    } else if (const auto taken = take_discovered(spec, now); !taken) {
      undiscovered_.emplace(name, taken.error().message);
    }
  }
}

Result<> Registry::take_discovered(const wire::WorkerSpec& spec, Instant now) {
  const auto holder = records_.find(spec.name);
  if (holder != records_.end()) return name_taken(holder->second);
  // What others have registered may be heard any moment.
  const auto attentive = clock_.at(now);
  const auto heard_within = limits::missed_heartbeats_max * options_.heartbeat_interval;
  for (const auto* other : others_at(spec.address, spec.name)) {
    const bool is_awaited =
        other->is_unheard() &&
        (!other->liveness.down() || attentive - other->liveness.down_since() < heard_within);
    const bool stays = other->is_put() || makes_way(*other) || is_heard(*other) || is_awaited;
    if (stays) return belongs_to(*other);
  }
  const bool is_secure = services_.tls(spec.service) != nullptr;
  if (!is_secure && !may_be_clear(spec.service, spec.address)) {
    return would_be_clear(spec.name, spec.address);
  }
  return insert_backend(spec, WorkerKind::discovered, now);
}

void Registry::update(WorkerRecord& record, const wire::WorkerSpec& spec) {
  if (record.own_weight == spec.weight && record.connections == spec.connections) return;
  const auto before = standing(record);
  record.own_weight = spec.weight;
  record.connections = spec.connections;
  record.shown.reset();
  settle(record, before);
  mark_changed(record);
}

// The record of one that is listed goes for the sake of another.
void Registry::note_displaced(const WorkerRecord& record) {
  if (record.kind != WorkerKind::discovered || !discovered_.contains(record.name)) return;
  undiscovered_.emplace(record.name, "another worker has its address or its name");
}

void Registry::discover_again(Instant now) {
  if (undiscovered_.empty() || now - discovered_again_ < looked_at_again) return;
  discovered_again_ = now;
  // Others each second, if there are more.
  const auto turn = static_cast<std::size_t>(now.since_boot() / looked_at_again);
  const auto turns = (undiscovered_.size() + looked_at_max - 1) / looked_at_max;
  auto place =
      std::next(undiscovered_.begin(), static_cast<std::ptrdiff_t>(turn % turns * looked_at_max));
  std::vector<std::string> names;
  for (; place != undiscovered_.end() && names.size() < looked_at_max; ++place) {
    names.push_back(place->first);
  }
  for (const auto& name : names) {
    const auto taken = take_discovered(discovered_.at(name), now);
    if (taken) {
      undiscovered_.erase(name);
    } else {
      undiscovered_.at(name) = taken.error().message;
    }
  }
}

}  // namespace tandem::master
