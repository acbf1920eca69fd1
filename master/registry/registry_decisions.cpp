// What operators decide: made durable first, applied then.
#include <spdlog/spdlog.h>

#include "common/base/assert.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

namespace {

Error unknown(std::string_view name) {
  return fail(ErrorCode::not_found, fmt::format("no worker has the name {}", name), "name");
}

}  // namespace

void Registry::restore(Decisions decisions, Instant now) {
  thread_.assert_here();
  decisions_ = std::move(decisions);
  for (auto& [name, record] : records_) {
    const auto before = standing(record);
    apply_decisions(record);
    settle(record, before);
    record.shown.reset();
    mark_changed(record);
  }
  for (const auto& [name, spec] : decisions_.added) {
    const auto inserted = insert_backend(spec, WorkerKind::added, now);
    if (!inserted) {
      spdlog::warn("added worker left out name={} reason=\"{}\"", name, inserted.error().message);
    }
  }
}

Result<> Registry::configure_backend(const wire::WorkerSpec& spec, Instant now) {
  thread_.assert_here();
  return insert_backend(spec, WorkerKind::configured, now);
}

Result<> Registry::insert_backend(const wire::WorkerSpec& spec, WorkerKind kind, Instant now) {
  TANDEM_ASSERT(spec.address.is_numeric() && spec.address.port != 0);
  const auto attentive = clock_.at(now);
  if (const auto taken = records_.find(spec.name); taken != records_.end()) {
    return fail(ErrorCode::conflict,
                fmt::format("the name {} belongs to the worker at {}", spec.name,
                            taken->second.address.to_string()),
                "name");
  }
  if (auto room = check_room(spec.service); !room) return room;
  WorkerRecord record{.kind = kind,
                      .name = spec.name,
                      .service = spec.service,
                      .address = spec.address,
                      .own_weight = spec.weight,
                      .connections = spec.connections,
                      .liveness = Liveness::unproven(attentive),
                      .suspicion = Suspicion(options_.heartbeat_interval / 4)};
  const auto& kept = insert(std::move(record));
  if (hooks_.on_backend) hooks_.on_backend(kept.id);
  return {};
}

Result<> Registry::add(const wire::WorkerSpec& spec, Instant now) {
  thread_.assert_here();
  if (records_.contains(spec.name)) return insert_backend(spec, WorkerKind::added, now);
  if (auto room = check_room(spec.service); !room) return room;
  auto decisions = decisions_;
  decisions.added.insert_or_assign(spec.name, spec);
  if (auto decided = decide(std::move(decisions), spec.name); !decided) return decided;
  return insert_backend(spec, WorkerKind::added, now);
}

Result<> Registry::remove(std::string_view name) {
  thread_.assert_here();
  const auto found = records_.find(name);
  auto decisions = decisions_;
  const auto forgotten = decisions.drained.erase(std::string(name)) +
                         decisions.weights.erase(std::string(name)) +
                         decisions.added.erase(std::string(name));
  if (found == records_.end() && forgotten == 0) return unknown(name);
  if (found != records_.end()) {
    const auto& record = found->second;
    if (record.kind == WorkerKind::configured) {
      return fail(
          ErrorCode::conflict,
          fmt::format("{} was given by --backend: drain it, or take it out of the configuration",
                      name),
          "name");
    }
    if (record.kind == WorkerKind::tandem && !record.has_left() && !record.liveness.down()) {
      return fail(
          ErrorCode::conflict,
          fmt::format("{} heartbeats and would register again: drain it, or stop it first", name),
          "name");
    }
  }
  if (forgotten > 0) {
    if (auto decided = decide(std::move(decisions), name); !decided) return decided;
  }
  if (found != records_.end()) {
    spdlog::info("worker removed name={} service={}", name, found->second.service);
    erase(found);
  }
  return {};
}

Result<> Registry::drain(std::string_view name) {
  thread_.assert_here();
  if (!records_.contains(name)) return unknown(name);
  if (decisions_.drained.contains(name)) return {};
  auto decisions = decisions_;
  decisions.drained.emplace(name);
  return decide(std::move(decisions), name);
}

Result<> Registry::undrain(std::string_view name) {
  thread_.assert_here();
  if (!decisions_.drained.contains(name)) {
    if (!records_.contains(name)) return unknown(name);
    return {};
  }
  auto decisions = decisions_;
  decisions.drained.erase(std::string(name));
  return decide(std::move(decisions), name);
}

Result<> Registry::set_weight(std::string_view name, std::optional<unsigned> weight) {
  thread_.assert_here();
  TANDEM_ASSERT(weight.value_or(0) <= limits::weight_max);
  const auto decided = decisions_.weights.find(name);
  if (!records_.contains(name) && (weight || decided == decisions_.weights.end()))
    return unknown(name);
  auto decisions = decisions_;
  if (weight) {
    decisions.weights.insert_or_assign(std::string(name), *weight);
  } else {
    decisions.weights.erase(std::string(name));
  }
  return decide(std::move(decisions), name);
}

Result<> Registry::decide(Decisions decisions, std::string_view name) {
  // Names come and go; what was decided of those that went is kept, but not without end.
  if (decisions.drained.size() > limits::workers_max ||
      decisions.weights.size() > limits::workers_max) {
    return fail(
        ErrorCode::unavailable,
        fmt::format("this master keeps decisions about {} workers already, its limit: delete "
                    "workers that are gone",
                    limits::workers_max));
  }
  if (hooks_.persist) {
    if (auto persisted = hooks_.persist(decisions); !persisted) return persisted;
  }
  decisions_ = std::move(decisions);
  const auto found = records_.find(name);
  if (found == records_.end()) return {};
  auto& record = found->second;
  const auto before = standing(record);
  apply_decisions(record);
  settle(record, before);
  record.shown.reset();
  mark_changed(record);
  spdlog::info("operator decision name={} state={} weight={}", record.name,
               to_string(record.state()), record.weight());
  return {};
}

void Registry::apply_decisions(WorkerRecord& record) const {
  record.drained = decisions_.drained.contains(record.name);
  const auto weight = decisions_.weights.find(record.name);
  record.weight_decided =
      weight == decisions_.weights.end() ? std::nullopt : std::optional(weight->second);
}

}  // namespace tandem::master
