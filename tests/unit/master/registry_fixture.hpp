// registry_fixture.hpp: a registry whose time, publications and disk are in the hands of the test.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "common/wire/heartbeat.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

class RegistryFixture {
 public:
  explicit RegistryFixture(RegistryOptions options = {},
                           wire::FeatureLevel level = wire::features::newest)
      : registry(options, {.on_snapshot = [this](SnapshotPtr next) { snapshots.push_back(next); },
                           .on_change = [this] { ++changes; },
                           .on_backend = [this](WorkerId id) { backends.push_back(id); },
                           .on_state =
                               [this](const WorkerRecord& record, WorkerState before) {
                                 told.push_back(record.name + ": " + to_string(before) + " -> " +
                                                to_string(record.told_state()));
                               }}) {
    REQUIRE(registry.apply(RaiseFeatureLevel{level}, time).ok());
  }

  // Each name has a port of its own.
  static std::uint16_t port_of(const std::string& name) {
    static std::map<std::string, std::uint16_t> ports;
    return ports.emplace(name, static_cast<std::uint16_t>(9001 + ports.size())).first->second;
  }
  static wire::Heartbeat heartbeat_of(const std::string& name) {
    return heartbeat_of(name, port_of(name));
  }
  static wire::Heartbeat heartbeat_of(const std::string& name, std::uint16_t port) {
    wire::Heartbeat heartbeat;
    heartbeat.name = name;
    heartbeat.incarnation = name + "-first";
    heartbeat.address = {"127.0.0.1", port};
    heartbeat.takes_proof = true;
    return heartbeat;
  }

  Result<Membership> hear(const wire::Heartbeat& heartbeat) {
    return registry.heartbeat(heartbeat, "10.0.0.9", time);
  }
  Result<Membership> hear(const std::string& name) { return hear(heartbeat_of(name)); }

  // What an operator decides, committed at once.
  Result<> drain(const std::string& name) { return commit(registry.drain(name)); }
  Result<> undrain(const std::string& name) { return commit(registry.undrain(name)); }
  Result<> remove(const std::string& name) { return commit(registry.remove(name)); }
  Result<> set_weight(const std::string& name, std::optional<unsigned> weight) {
    return commit(registry.set_weight(name, weight));
  }
  Result<> add(const wire::WorkerSpec& spec) { return commit(registry.add(spec)); }
  // As the primary commits it.
  Result<> commit(const Result<Change>& change) {
    if (!change) return change.error();
    if (const auto due = registry.registration_due(*change)) {
      if (auto registered = registry.apply(*due, time); !registered) return registered;
    }
    return registry.apply(*change, time);
  }
  // What the primary registers, committed at once; returns how many changes that took.
  std::size_t commit_registrations() {
    const auto changes = registry.unregistered(time, 1'000);
    for (const auto& change : changes) REQUIRE(registry.apply(change, time).ok());
    return changes.size();
  }

  // Lets time pass as a running master sees it: tick by tick.
  void pass(Duration length) {
    const auto end = time + length;
    while (time < end) {
      time = std::min(time + registry.options().tick_interval(), end);
      registry.tick(time);
    }
  }
  // The same while these workers heartbeat well.
  void pass_hearing(Duration length, const std::vector<std::string>& names) {
    const auto end = time + length;
    while (time < end) {
      for (const auto& name : names) REQUIRE(hear(name).ok());
      pass(std::min<Duration>(end - time, registry.options().heartbeat_interval));
    }
  }
  // The master is frozen, then goes on.
  void freeze(Duration length) { time = time + length; }

  // The state of the worker, or "unknown".
  std::string state(const std::string& name) const {
    const auto worker = registry.worker(name, time);
    return worker ? worker->state : "unknown";
  }
  std::string reason(const std::string& name) const { return registry.worker(name, time)->reason; }

  // The names of those that get traffic in a service, from a fresh snapshot: "a b c".
  std::string traffic(std::string_view service = "default") { return names(service, false); }
  // Of those that get it when nobody better is left.
  std::string last_resort(std::string_view service = "default") { return names(service, true); }
  std::shared_ptr<const SnapshotWorker> shown(std::string_view name) {
    registry.publish();
    for (const auto& service : snapshots.back()->services) {
      for (const auto& worker : service->workers) {
        if (worker->name == name) return worker;
      }
    }
    return nullptr;
  }
  // What a forwarding loop does when this worker fails it.
  void fail_at(const std::shared_ptr<const SnapshotWorker>& worker,
               FailureKind kind = FailureKind::refused) {
    worker->counters->suspect = true;
    registry.report_failure(worker->id, kind, time);
  }

  Instant time = Instant(1h);
  std::vector<SnapshotPtr> snapshots;
  unsigned changes = 0;
  std::vector<WorkerId> backends;
  std::vector<std::string> told;  // changes of states: "w1: up -> down"
  Registry registry;

 private:
  std::string names(std::string_view service, bool last_resort) {
    registry.publish();
    const auto* found = snapshots.back()->find(service);
    if (found == nullptr) return "no such service";
    std::string names;
    for (const auto& worker : found->workers) {
      if (worker->last_resort == last_resort) names += (names.empty() ? "" : " ") + worker->name;
    }
    return names;
  }
};

}  // namespace tandem::master
