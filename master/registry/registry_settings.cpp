// The settings of services: configured ones take precedence over replicated ones.
#include "master/registry/registry.hpp"

namespace tandem::master {

namespace {

Error configured(std::string_view service) {
  return fail(ErrorCode::conflict,
              fmt::format("the settings of {} were given by --service: take them out of the "
                          "configuration",
                          service),
              "name");
}

}  // namespace

// Workers know best what they speak, and may say it after the settings were made.
Result<> Registry::check_speakers(const std::string& service,
                                  const wire::ServiceSettings& settings) const {
  if (auto valid = wire::validate(settings); !valid) return valid;
  if (!wire::announces_clients(settings)) return {};
  for (const auto& [name, record] : records_) {
    if (record.service != service || record.protocol != wire::WorkerProtocol::http2) continue;
    return fail(ErrorCode::conflict,
                fmt::format("proxy_protocol=v2 is for workers that speak HTTP/1, and {} of {} "
                            "speaks HTTP/2",
                            name, service),
                "proxy_protocol");
  }
  return {};
}

Result<> Registry::check_takes_clients(const wire::Heartbeat& heartbeat) const {
  const bool speaks_http2 = heartbeat.protocol == wire::WorkerProtocol::http2;
  if (!speaks_http2 || !announces_clients(heartbeat.service)) return {};
  return fail(
      ErrorCode::conflict,
      fmt::format("{} speaks HTTP/2, and the settings of {} say proxy_protocol=v2, which is "
                  "for workers that speak HTTP/1",
                  heartbeat.name, heartbeat.service),
      "protocol");
}

bool Registry::announces_clients(std::string_view service) const {
  const auto* said = services_.settings(service);
  return said != nullptr && wire::announces_clients(*said);
}

Result<Change> Registry::set_settings(const std::string& service,
                                      const wire::ServiceSettings& settings) const {
  thread_.assert_here();
  if (configured_settings_.contains(service)) return configured(service);
  if (auto room = state_.check_settings_room(service); !room) return room.error();
  if (auto possible = check_speakers(service, settings); !possible) return possible.error();
  return Change(SetSettings{service, settings});
}

Result<Change> Registry::remove_settings(const std::string& service) const {
  thread_.assert_here();
  if (configured_settings_.contains(service)) return configured(service);
  if (state_.settings.contains(service)) return Change(RemoveSettings{service});
  return fail(ErrorCode::not_found, fmt::format("there are no settings of {}", service), "name");
}

wire::ServiceSettings Registry::settings(std::string_view service) const {
  thread_.assert_here();
  for (const auto* each : {&configured_settings_, &state_.settings}) {
    if (const auto found = each->find(service); found != each->end()) return found->second;
  }
  return {};
}

std::string Registry::checks(std::string_view service) const {
  thread_.assert_here();
  const auto* said = services_.settings(service);
  std::string checks;
  if (said == nullptr) return checks;
  for (const auto& text : wire::to_texts(*said)) {
    const bool concerns = text.starts_with("check_") || text.starts_with("check=") ||
                          text.starts_with("protocol=") || text.starts_with("proxy_protocol=");
    if (!concerns || text.starts_with("check_workers")) continue;
    checks += (checks.empty() ? "" : " ") + text;
  }
  return checks;
}

void Registry::settings_changed(const std::string& service) {
  const auto check = check_of(service);
  if (const auto* members = services_.find(service)) forget_documents(*members);
  const bool said = configured_settings_.contains(service) || state_.settings.contains(service);
  services_.set_settings(
      service, said ? std::make_shared<const wire::ServiceSettings>(settings(service)) : nullptr);
  secure_workers(service, settings(service), false);
  check_otherwise(service, check);
  request_publication();
}

}  // namespace tandem::master
