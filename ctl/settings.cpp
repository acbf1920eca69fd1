#include "ctl/settings.hpp"

#include <fmt/format.h>

#include "common/wire/service_settings.hpp"

namespace tandem::ctl {

namespace {

std::string path_of(const std::string& service) {
  return fmt::format("/v1/services/{}/settings", service);
}

Result<std::string> shown(Result<std::string> document, Format format) {
  if (!document.ok() || format == Format::json) return document;
  const auto settings = wire::parse_service_settings(*document);
  if (!settings) return settings.error();
  std::string text;
  for (const auto& setting : wire::to_texts(*settings)) text += setting + "\n";
  return text.empty() ? std::string("nothing is set\n") : text;
}

}  // namespace

Result<std::string> show_settings(const ControlClient& client, const std::string& service,
                                  Format format) {
  return shown(client.get(path_of(service)), format);
}

Result<std::string> change_settings(const ControlClient& client, const std::string& service,
                                    const std::vector<std::string>& settings, Format format) {
  const auto known = client.get(path_of(service));
  if (!known) return known.error();
  auto changed = wire::parse_service_settings(*known);
  if (!changed) return changed.error();
  for (const auto& setting : settings) {
    if (const auto parsed = wire::parse_setting(setting, "the setting", *changed); !parsed) {
      return parsed.error();
    }
  }
  return shown(client.put(path_of(service), wire::to_json(*changed)), format);
}

Result<std::string> reset_settings(const ControlClient& client, const std::string& service,
                                   Format format) {
  return shown(client.remove(path_of(service)), format);
}

}  // namespace tandem::ctl
