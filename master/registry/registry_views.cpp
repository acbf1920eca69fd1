// Views of the registry: documents for people and programs.
#include <algorithm>

#include "master/registry/registry.hpp"

namespace tandem::master {

// What is spoken to workers of that service that do not say what they speak.
wire::WorkerProtocol Registry::spoken_to(std::string_view service) const {
  const auto* said = services_.settings(service);
  return wire::protocol_of(said == nullptr ? wire::ServiceSettings() : *said);
}

wire::ServiceInstances Registry::instances_of(const std::string& name,
                                              const ServiceTable::Members& members,
                                              Instant now) const {
  wire::ServiceInstances service{.name = name, .instances = {}, .panic = panics(name)};
  for (const auto& [worker_name, record] : members) {
    if (record->gets_traffic()) service.instances.push_back(shown(*record, now));
  }
  return service;
}

// What people and programs are shown of it.
wire::WorkerStatus Registry::shown(const WorkerRecord& record, Instant now) const {
  auto status = status_of(record, now, spoken_to(record.service));
  status.tls = tls_with(record) != nullptr;
  if (record.certificate) tell_of_certificate(*record.certificate, access::wall_time(), status);
  return status;
}

std::vector<wire::WorkerStatus> Registry::workers(Instant now) const {
  thread_.assert_here();
  std::vector<wire::WorkerStatus> all;
  all.reserve(records_.size());
  for (const auto& [name, record] : records_) all.push_back(shown(record, now));
  return all;
}

std::vector<wire::WorkerStatus> Registry::workers_after(std::string_view name, std::size_t most,
                                                        Instant now) const {
  thread_.assert_here();
  std::vector<wire::WorkerStatus> some;
  for (auto at = records_.upper_bound(name); at != records_.end() && some.size() < most; ++at) {
    some.push_back(shown(at->second, now));
  }
  return some;
}

std::optional<wire::WorkerStatus> Registry::worker(std::string_view name, Instant now) const {
  thread_.assert_here();
  const auto found = records_.find(name);
  if (found == records_.end()) return std::nullopt;
  return shown(found->second, now);
}

std::map<std::string, Endpoint> Registry::live_witnesses() const {
  thread_.assert_here();
  std::map<std::string, Endpoint> witnesses;
  for (const auto& [name, record] : records_) {
    if (record.witness && is_live(name)) witnesses.emplace(name, record.witness->control);
  }
  return witnesses;
}

bool Registry::is_live(std::string_view name) const {
  const auto found = records_.find(name);
  return found != records_.end() && !found->second.has_left() && !found->second.liveness.down();
}

// According to this master or, if another one leads, to the primary, which forwards the requests.
bool Registry::panics(std::string_view service) const {
  return services_.health_of(service).panics() || told_panicking_.contains(service);
}

std::vector<wire::ServiceHealth> Registry::service_health() const {
  thread_.assert_here();
  std::vector<wire::ServiceHealth> all;
  services_.for_each([&](const std::string& name, const ServiceTable::Members&) {
    const auto& counts = services_.health_of(name);
    all.push_back(
        {.name = name, .workers = counts.workers, .out = counts.out, .panic = panics(name)});
  });
  // Those of which no worker is known, and that requests are sent to all the same: routes name
  // them, or it is the default one, which settings name, or of which the last worker was forgotten.
  // One that settings alone name is asked for nothing.
  std::set<std::string> named;
  const auto add = [&](const std::string& name) {
    if (services_.find(name) == nullptr) named.insert(name);
  };
  for (const auto& [key, route] : configured_routes_) add(route.service);
  for (const auto& [key, route] : state_.routes) {
    if (!configured_routes_.contains(key)) add(route.service);
  }
  const RouteKey everything{"", "/"};
  const bool is_default_asked =
      !configured_routes_.contains(everything) && !state_.routes.contains(everything);
  const bool is_default_known = default_is_gone_ || services_.settings(default_service) != nullptr;
  if (is_default_asked && is_default_known) add(std::string(default_service));
  for (const auto& name : named) all.push_back({.name = name});
  std::sort(all.begin(), all.end(),
            [](const auto& one, const auto& other) { return one.name < other.name; });
  return all;
}

std::map<std::string, std::uint64_t> Registry::worker_connections() const {
  thread_.assert_here();
  std::map<std::string, std::uint64_t> all;
  services_.for_each([&](const std::string& name, const ServiceTable::Members& members) {
    auto& open = all[name];
    for (const auto& [worker, record] : members) {
      open += record->counters->open_connections.load(std::memory_order_relaxed);
    }
  });
  return all;
}

std::vector<wire::ServiceInstances> Registry::services(Instant now) const {
  thread_.assert_here();
  std::vector<wire::ServiceInstances> all;
  services_.for_each([&](const std::string& name, const ServiceTable::Members& members) {
    all.push_back(instances_of(name, members, now));
  });
  return all;
}

std::optional<wire::ServiceInstances> Registry::service(std::string_view name, Instant now) const {
  thread_.assert_here();
  const auto* members = services_.find(name);
  if (members == nullptr) return std::nullopt;
  return instances_of(std::string(name), *members, now);
}

}  // namespace tandem::master
