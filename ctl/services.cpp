#include "ctl/services.hpp"

#include <algorithm>
#include <map>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/base/command_line.hpp"
#include "common/base/name.hpp"
#include "common/base/nearest_word.hpp"
#include "common/wire/service_settings.hpp"
#include "ctl/settings.hpp"
#include "ctl/table.hpp"

namespace tandem::ctl {

namespace {

using Json = nlohmann::ordered_json;

struct KnownService {
  std::size_t workers = 0;  // that get traffic
  std::size_t routes = 0;
  std::size_t settings = 0;
};
using KnownServices = std::map<std::string, KnownService>;

// The service of a key such as service.shop.attempts; empty: it is of none.
std::string service_of(const std::string& key) {
  constexpr std::string_view table = "service.";
  const auto end = key.rfind('.');
  if (!key.starts_with(table) || end < table.size()) return {};
  return key.substr(table.size(), end - table.size());
}

Result<Json> array_of(const ControlClient& client, const std::string& path, const char* member) {
  const auto answer = client.get(path);
  if (!answer) return answer.error();
  auto json = Json::parse(*answer, nullptr, false);
  if (!json.is_object() || !json.contains(member) || !json[member].is_array()) {
    return invalid(fmt::format("the answer to {} has no {}", path, member));
  }
  return Json(std::move(json[member]));
}

Result<KnownServices> known_services(const ControlClient& client) {
  KnownServices known;
  const auto services = array_of(client, "/v1/services", "services");
  if (!services) return services.error();
  for (const auto& each : *services) {
    known[each.value("name", "")].workers = each.value("instances", Json::array()).size();
  }
  const auto routes = array_of(client, "/v1/routes", "routes");
  if (!routes) return routes.error();
  for (const auto& each : *routes) ++known[each.value("service", "")].routes;
  const auto keys = array_of(client, "/v1/config", "keys");
  if (!keys) return keys.error();
  for (const auto& each : *keys) {
    const auto key = each.value("key", "");
    if (const auto service = service_of(key); !service.empty()) ++known[service].settings;
    const auto values = each.value("value", Json());
    if (key != "service" || !values.is_array()) continue;  // --service NAME:KEY=VALUE
    for (const auto& value : values) {
      const auto text = value.is_string() ? value.get<std::string>() : std::string();
      ++known[text.substr(0, text.find(':'))].settings;
    }
  }
  return known;
}

Result<> check_known(const ControlClient& client, const std::string& name) {
  const auto known = known_services(client);
  if (!known) return known.error();
  if (known->contains(name)) return {};
  std::vector<std::string> names;
  for (const auto& [each, what] : *known) names.push_back(each);
  return invalid(fmt::format("no worker, route or setting is known of a service {}{}", name,
                             did_you_mean(name, names)));
}

Result<std::string> list(const ControlClient& client, Format format) {
  if (format == Format::json) return client.get("/v1/services");
  const auto known = known_services(client);
  if (!known) return known.error();
  using Align = Table::Align;
  Table table({{"SERVICE"},
               {"WORKERS", Align::right},
               {"ROUTES", Align::right},
               {"SETTINGS", Align::right}});
  for (const auto& [name, service] : *known) {
    table.add({name, std::to_string(service.workers), std::to_string(service.routes),
               std::to_string(service.settings)});
  }
  return table.to_string();
}

// Those of `keys` are gone; without any, all.
Result<std::string> unset(const ControlClient& client, const std::string& service,
                          const std::vector<std::string>& keys, Format format) {
  if (keys.empty()) return reset_settings(client, service, format);
  const auto path = fmt::format("/v1/services/{}/settings", service);
  const auto document = client.get(path);
  if (!document) return document.error();
  const auto settings = wire::parse_service_settings(*document);
  if (!settings) return settings.error();
  wire::ServiceSettings kept;
  std::vector<std::string> set;
  for (const auto& text : wire::to_texts(*settings)) {
    const auto key = text.substr(0, text.find('='));
    set.push_back(key);
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
    if (auto parsed = wire::parse_setting(text, "the setting", kept); !parsed) {
      return parsed.error();
    }
  }
  for (const auto& key : keys) {
    if (std::find(set.begin(), set.end(), key) != set.end()) continue;
    return invalid(fmt::format("{} has no setting {}{}", service, key, did_you_mean(key, set)));
  }
  if (kept == wire::ServiceSettings()) return reset_settings(client, service, format);
  auto answer = client.put(path, wire::to_json(kept));
  if (!answer || format == Format::json) return answer;
  return show_settings(client, service, format);
}

struct Wanted {
  std::string service;
  std::vector<std::string> words;  // settings, or keys
  bool is_new = false;
};

std::shared_ptr<Wanted> bind_service(CLI::App& command) {
  const auto wanted = std::make_shared<Wanted>();
  bind_value(command, "NAME", "", "the service",
             [wanted](std::string_view text, std::string_view) -> Result<> {
               auto parsed = parse_name(text, "NAME");
               if (!parsed) return parsed.error();
               wanted->service = std::move(*parsed);
               return {};
             })
      ->required();
  return wanted;
}

void add_changes(CLI::App& service, BoundCommands& commands) {
  auto* set = add_command(service, "set", "change settings, such as request_timeout=2s");
  const auto changed = bind_service(*set);
  bind_each(*set, "KEY=VALUE", "", "settings to change; the others stay",
            [changed](std::string_view text, std::string_view) -> Result<> {
              wire::ServiceSettings checked;
              changed->words.emplace_back(text);
              return wire::parse_setting(text, "the setting", checked);
            })
      ->required()
      ->allow_extra_args();
  bind_switch(*set, "--new", "the service has no worker, route or setting yet", changed->is_new);
  commands.push_back({set,
                      [changed](const ControlClient& client, const Waiting&,
                                Format format) -> Result<std::string> {
                        if (!changed->is_new) {
                          if (auto known = check_known(client, changed->service); !known)
                            return known.error();
                        }
                        return change_settings(client, changed->service, changed->words, format);
                      }});

  auto* removed = add_command(service, "unset", "remove settings, so that the defaults apply");
  const auto gone = bind_service(*removed);
  bind_each(*removed, "KEY", "", "settings to remove; without any, all",
            [gone](std::string_view text, std::string_view) -> Result<> {
              gone->words.emplace_back(text);
              return {};
            })
      ->allow_extra_args();
  commands.push_back(
      {removed,
       [gone](const ControlClient& client, const Waiting&, Format format) -> Result<std::string> {
         if (auto known = check_known(client, gone->service); !known) return known.error();
         return unset(client, gone->service, gone->words, format);
       }});
}

}  // namespace

void add_service_commands(CLI::App& service, BoundCommands& commands) {
  commands.push_back({add_command(service, "list", "list the services that are known"),
                      [](const ControlClient& client, const Waiting&, Format format) {
                        return list(client, format);
                      }});
  auto* show = add_command(service, "show", "show the settings of a service");
  const auto shown = bind_service(*show);
  commands.push_back(
      {show,
       [shown](const ControlClient& client, const Waiting&, Format format) -> Result<std::string> {
         if (auto known = check_known(client, shown->service); !known) return known.error();
         return show_settings(client, shown->service, format);
       }});
  add_changes(service, commands);
}

}  // namespace tandem::ctl
