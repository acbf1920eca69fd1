// What is configured may be configured anew while the master serves.
#include <algorithm>
#include <set>

#include "common/base/log.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

bool Registry::is_configured_as(const wire::WorkerSpec& spec) const {
  const auto known = configured_backends_.find(spec.name);
  return known != configured_backends_.end() && known->second == spec;
}

// The same conditions as at the start, and that no worker that is heard loses its address.
Result<> Registry::check_configured(const Configured& configured) const {
  std::set<RouteKey> routes;
  for (const auto& route : configured.routes) {
    if (routes.emplace(route.host, route.prefix).second) continue;
    return invalid(fmt::format("--route: the route {}{} is given twice", route.host, route.prefix),
                   "--route");
  }
  for (const auto& [service, settings] : configured.services) {
    if (const auto possible = check_speakers(service, settings); !possible) {
      return invalid(fmt::format("--service {}: {}", service, possible.error().message),
                     "--service");
    }
  }
  std::set<std::string> names;
  std::set<std::string_view> services;  // once it is done
  services_.for_each([&](const auto& name, const auto&) { services.insert(name); });
  std::size_t workers = records_.size() - configured_backends_.size();
  const auto refused = [](const Error& error) {
    return invalid(fmt::format("--backend: {}", error.message), "--backend");
  };
  for (const auto& spec : configured.backends) {
    const auto holder = records_.find(spec.name);
    const bool is_ours = configured_backends_.contains(spec.name);
    const bool is_taken = holder != records_.end() && !is_ours && !makes_way(holder->second);
    if (is_taken) return refused(name_taken(holder->second));
    if (!names.insert(spec.name).second) {
      return refused(invalid(fmt::format("{} is given twice", spec.address.to_string())));
    }
    services.insert(spec.service);
    if (++workers > limits::workers_max || services.size() > limits::services_max) {
      return refused(invalid("there are more workers or services than this master keeps"));
    }
    if (is_configured_as(spec)) continue;
    if (auto free = check_address_is_free(spec); !free) return refused(free.error());
  }
  return {};
}

Result<> Registry::reconfigure(const Configured& configured, Instant now) {
  thread_.assert_here();
  if (auto possible = check_configured(configured); !possible) return possible;
  Settings settings(configured.services.begin(), configured.services.end());
  const auto settings_before = std::exchange(configured_settings_, std::move(settings));
  for (const auto& [service, before] : settings_before) {
    const auto after = configured_settings_.find(service);
    if (after == configured_settings_.end() || after->second != before) settings_changed(service);
  }
  for (const auto& [service, after] : configured_settings_) {
    if (!settings_before.contains(service)) settings_changed(service);
  }
  Routes routes;
  for (const auto& route : configured.routes) {
    routes.emplace(RouteKey{route.host, route.prefix}, route);
  }
  if (routes != configured_routes_) {
    configured_routes_ = std::move(routes);
    routes_changed();
  }
  for (auto place = configured_backends_.begin(); place != configured_backends_.end();) {
    const auto current = place++;
    const auto& spec = current->second;
    const auto stays = std::find(configured.backends.begin(), configured.backends.end(), spec);
    if (stays != configured.backends.end()) continue;
    log::info("backend removed name={} service={} address={}", spec.name, spec.service,
              spec.address.to_string());
    erase(records_.find(spec.name));
    configured_backends_.erase(current);
  }
  for (const auto& spec : configured.backends) {
    if (is_configured_as(spec)) continue;
    const auto inserted = configure_backend(spec, now);
    TANDEM_ASSERT(inserted.ok());
  }
  return {};
}

}  // namespace tandem::master
