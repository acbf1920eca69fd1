#include "master/control/config_api.hpp"

#include <boost/asio.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "common/http/api_response.hpp"
#include "common/wire/json_reader.hpp"
#include "common/wire/limits.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

using Json = nlohmann::ordered_json;

// Bytes of a flag that are no UTF-8 are replaced.
ControlResponse shown(const Json& json) {
  return document(json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Json value_of(const ConfigKey& key) {
  const auto one = [&key](const std::string& text) {
    return key.is_bare ? Json::parse(text, nullptr, false) : Json(text);
  };
  if (key.values.empty()) return nullptr;
  if (!key.is_array && key.values.size() == 1) return one(key.values.front());
  auto all = Json::array();
  for (const auto& text : key.values) all.push_back(one(text));
  return all;
}

Json to_json(const ConfigKey& key, const ConfigHooks& hooks) {
  Json json{{"key", key.key}, {"value", value_of(key)}, {"source", to_string(key.source)}};
  if (key.source == ConfigSource::file) json["line"] = key.line;
  const bool is_local = key.source != ConfigSource::replicated;
  json["change"] = is_local ? hooks.when(key.key) : std::string("at once");
  return json;
}

std::string text_of(const wire::Route& route) {
  return fmt::format("{}{}={}{}", route.host, route.prefix, route.service,
                     route.strip ? ",strip" : "");
}

// What the cluster has decided, where this master has no say of its own.
std::vector<ConfigKey> replicated(const Registry& registry, const Configuration& own) {
  std::vector<ConfigKey> keys;
  const auto add = [&keys](std::string key, std::string value) {
    keys.push_back(
        {.key = std::move(key), .values = {std::move(value)}, .source = ConfigSource::replicated});
  };
  const auto& state = registry.state();
  for (const auto& [service, settings] : state.settings) {
    if (registry.settings(service) != settings) continue;  // its --service takes precedence
    for (const auto& text : wire::to_texts(settings)) {
      const auto equals = text.find('=');
      const auto key = fmt::format("service.{}.{}", service, text.substr(0, equals));
      if (own.find(key) == nullptr) add(key, text.substr(equals + 1));
    }
  }
  const auto routes = registry.routes();
  for (const auto& [place, route] : state.routes) {
    if (routes.at(place) == route) add("route", text_of(route));
  }
  for (const auto& [name, spec] : state.added) {
    add("backend", fmt::format("{}={}", spec.service, spec.address.to_string()));
  }
  for (const auto& [name, weight] : state.weights)
    add(fmt::format("weight.{}", name), std::to_string(weight));
  return keys;
}

ControlResponse show_config(const ConfigHooks& hooks, const Registry& registry) {
  const auto configuration = hooks.in_force();
  auto keys = Json::array();
  for (const auto& key : configuration.keys) keys.push_back(to_json(key, hooks));
  for (const auto& key : replicated(registry, configuration)) keys.push_back(to_json(key, hooks));
  return shown({{"file", configuration.file}, {"keys", std::move(keys)}});
}

Json to_json(const std::vector<ConfigChange>& changes) {
  auto all = Json::array();
  for (const auto& change : changes) {
    Json json{{"key", change.key}, {"before", change.before}, {"after", change.after}};
    if (!change.why.empty()) json["why"] = change.why;
    all.push_back(std::move(json));
  }
  return all;
}

ControlResponse told(const ReloadReport& report, ReloadMode mode) {
  if (!report.errors.empty()) {
    return refusal(fail(ErrorCode::conflict, fmt::format("{}", fmt::join(report.errors, "; "))));
  }
  if (mode == ReloadMode::compare) {
    return shown({{"file", report.file},
                  {"reloadable", to_json(report.applied)},
                  {"restart", to_json(report.refused)}});
  }
  return shown({{"file", report.file},
                {"applied", to_json(report.applied)},
                {"renewed", report.renewed},
                {"refused", to_json(report.refused)}});
}

ControlResponse log_level(LogLevel level) { return shown({{"level", to_string(level)}}); }

ControlResponse set_log_level(const ConfigHooks& hooks, std::string_view body) {
  const auto document = wire::parse_object(body, limits::control_body_bytes_max);
  if (!document) return refusal(document.error());
  wire::MemberReader reader(*document);
  std::string level;
  reader.text("level", level, limits::name_bytes_max);
  if (const auto read = reader.finish(wire::UnknownMembers::refuse); !read) {
    return refusal(read.error());
  }
  const auto parsed = parse_log_level(level, "level");
  if (!parsed) return refusal(parsed.error());
  hooks.set_log_level(*parsed);
  return log_level(*parsed);
}

}  // namespace

void route_config(ApiRouter& router, const ConfigHooks& hooks, const Registry& registry,
                  asio::thread_pool& reloads,
                  std::function<wire::Author(const ControlRequest&)> author) {
  if (!hooks.in_force) return;
  const auto reload = [&hooks, &reloads](ReloadMode mode,
                                         wire::Author by) -> asio::awaitable<ControlResponse> {
    auto reading = asio::co_spawn(
        reloads,
        [&hooks, mode, by]() -> asio::awaitable<ReloadReport> { co_return hooks.reload(mode, by); },
        asio::use_awaitable);
    const auto report = co_await std::move(reading);
    co_return told(report, mode);
  };
  router.add({.method = "GET",
              .path = "/v1/config",
              .handler = [&hooks, &registry](const ControlRequest&, const std::string&) {
                return show_config(hooks, registry);
              }});
  router.add({.method = "GET",
              .path = "/v1/config/diff",
              .handler = [reload, author](const ControlRequest& request, const std::string&) {
                return reload(ReloadMode::compare, author(request));
              }});
  router.add({.method = "POST",
              .path = "/v1/reload",
              .handler = [reload, author](const ControlRequest& request, const std::string&) {
                return reload(ReloadMode::apply, author(request));
              }});
  router.add({.method = "GET",
              .path = "/v1/log/level",
              .handler = [&hooks](const ControlRequest&, const std::string&) {
                return log_level(hooks.log_level());
              }});
  router.add({.method = "PUT",
              .path = "/v1/log/level",
              .handler = [&hooks](const ControlRequest& request, const std::string&) {
                return set_log_level(hooks, request.body);
              }});
}

}  // namespace tandem::master
