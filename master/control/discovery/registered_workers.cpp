#include "master/control/discovery/registered_workers.hpp"

#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "common/base/printable.hpp"

namespace tandem::master {

namespace {

// As of backends: nobody says how many they hold.
constexpr unsigned connections_assumed = 1'024;

wire::Heartbeat heartbeat_of(const Registration& registration, CheckStatus status, Instant now) {
  wire::Heartbeat heartbeat;
  heartbeat.name = registration.worker;
  heartbeat.incarnation = registration.incarnation;
  heartbeat.service = registration.service;
  heartbeat.address = registration.address;
  heartbeat.weight = registration.weight(now);
  heartbeat.connections = connections_assumed;
  heartbeat.condition =
      status == CheckStatus::critical ? wire::WorkerCondition::failing : wire::WorkerCondition::up;
  return heartbeat;
}

}  // namespace

RegisteredWorkers::RegisteredWorkers(boost::asio::io_context& loop, Registry& registry,
                                     Registrations& registrations,
                                     std::function<Result<>(const Endpoint&)> check_address)
    : registry_(registry),
      registrations_(registrations),
      probes_(loop,
              [this](const std::string& id, bool good) {
                const auto instant = now();
                const auto spoken = spoken_.find(id);
                const auto* registration = registrations_.find(id);
                if (spoken == spoken_.end() || registration == nullptr) return;
                const bool is_news = spoken->second.status != status(*registration, instant);
                if (good || is_news) refresh(id, instant);
              }),
      check_address_(std::move(check_address)) {}

CheckStatus RegisteredWorkers::status(const Registration& registration, Instant now) const {
  return probes_.verdict(registration.id).passes ? registration.reported(now)
                                                 : CheckStatus::critical;
}

Result<> RegisteredWorkers::follow(std::string_view id, Instant now) {
  const auto* registration = registrations_.find(id);
  const auto found = spoken_.find(id);
  if (registration == nullptr) {
    probes_.forget(id);
    if (found != spoken_.end()) {
      say_bye(found->second, now);
      spoken_.erase(found);
    }
    return {};
  }
  auto& spoken = found != spoken_.end() ? found->second : spoken_[std::string(id)];
  auto failed = [&](Error error) -> Result<> {
    if (spoken.trouble != error.message) {
      log::warn("registered service is no worker name={} service={} reason=\"{}\"",
                registration->worker, registration->service, error.message);
    }
    spoken.trouble = error.message;
    spoken.again = now + registry_.options().heartbeat_interval;
    return error;
  };
  if (auto allowed = check_address_(registration->address); !allowed) {
    say_bye(spoken, now);
    return failed(allowed.error());
  }
  if (const auto probe = registration->probed()) {
    probes_.watch(registration->id, registration->address.host, *probe);
  } else {
    probes_.forget(id);
  }
  const auto condition = status(*registration, now);
  const auto heartbeat = heartbeat_of(*registration, condition, now);
  const auto member = registry_.heartbeat(heartbeat, registration->address.host, now);
  if (!member) return failed(member.error());
  if (*member == Membership::removed) {
    registrations_.drop(id, now);
    probes_.forget(id);
    spoken_.erase(std::string(id));
    return fail(ErrorCode::not_found, "an operator has removed the worker: register it anew", "ID");
  }
  spoken = {.worker = heartbeat.name,
            .service = heartbeat.service,
            .incarnation = heartbeat.incarnation,
            .address = heartbeat.address,
            .status = condition,
            .weight = heartbeat.weight,
            .again = now + registry_.options().heartbeat_interval};
  return {};
}

void RegisteredWorkers::refresh(std::string_view id, Instant now) {
  if (const auto followed = follow(id, now); !followed) {
    log::debug("registered service not followed id=\"{}\" reason=\"{}\"", printable(id),
               followed.error().message);
  }
}

void RegisteredWorkers::say_bye(const Spoken& spoken, Instant now) {
  if (spoken.worker.empty()) return;  // it never was a worker
  wire::Heartbeat heartbeat;
  heartbeat.name = spoken.worker;
  heartbeat.incarnation = spoken.incarnation;
  heartbeat.service = spoken.service;
  heartbeat.address = spoken.address;
  heartbeat.weight = spoken.weight;
  heartbeat.connections = connections_assumed;
  heartbeat.condition = wire::WorkerCondition::bye;
  if (const auto left = registry_.heartbeat(heartbeat, spoken.address.host, now); !left) {
    log::debug("no farewell name={} reason=\"{}\"", spoken.worker, left.error().message);
  }
}

bool RegisteredWorkers::is_due(const Registration& registration, Spoken& spoken,
                               Instant now) const {
  if (!spoken.trouble.empty()) return now >= spoken.again;
  if (spoken.status != status(registration, now)) return true;
  if (spoken.weight != registration.weight(now)) return true;
  if (now < spoken.again || spoken.is_silent) return false;
  const auto worker = registry_.worker(registration.worker, now);
  const bool is_ejected = worker && worker->until_ms;
  spoken.is_silent = worker && worker->state == "suspect" && !is_ejected;
  return !spoken.is_silent;
}

void RegisteredWorkers::note_statuses(const Registration& registration, Instant now) {
  for (const auto& check : registration.checks) {
    if (!check.deregister_after) continue;
    const bool is_critical = check.is_reported() ? check.status(now) == CheckStatus::critical
                                                 : !probes_.verdict(registration.id).passes;
    registrations_.note_status(registration.id, check.id, is_critical, now);
  }
}

std::vector<std::string> RegisteredWorkers::tick(Instant now) {
  std::vector<std::string> due;
  for (const auto& [id, registration] : registrations_.all()) {
    if (registration.removed) continue;
    const auto spoken = spoken_.find(id);
    if (spoken == spoken_.end() || is_due(registration, spoken->second, now)) {
      due.push_back(id);
    }
    note_statuses(registration, now);
  }
  probes_.tick(now);
  std::vector<std::string> ended;
  for (const auto& id : due) {
    const auto followed = follow(id, now);
    if (!followed && registrations_.find(id) == nullptr) ended.push_back(id);
  }
  return ended;
}

std::string_view RegisteredWorkers::trouble(std::string_view id) const {
  const auto found = spoken_.find(id);
  return found == spoken_.end() ? std::string_view() : found->second.trouble;
}

}  // namespace tandem::master
