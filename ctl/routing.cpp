#include "ctl/routing.hpp"

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/base/ascii.hpp"
#include "common/base/command_line.hpp"
#include "common/base/name.hpp"
#include "common/wire/json_reader.hpp"
#include "common/wire/limits.hpp"
#include "common/wire/route.hpp"
#include "common/wire/status.hpp"
#include "common/wire/worker_spec.hpp"
#include "ctl/table.hpp"

namespace tandem::ctl {

namespace {

using Json = nlohmann::ordered_json;

// A prefix, or a host and a prefix: example.com/api.
struct Place {
  std::string host;
  std::string prefix;
};

FlagParser place_parser(Place& place) {
  return [&place](std::string_view text, std::string_view) -> Result<> {
    const auto route = wire::parse_route_flag(fmt::format("{}=x", text), "[HOST]/PREFIX");
    if (!route) return route.error();
    place = {route->host, route->prefix};
    return {};
  };
}

// What is in no unreserved set is percent-encoded (RFC 3986 §2.3).
std::string in_query(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool is_plain =
        is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
    if (is_plain) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

Result<std::string> show_routes(const ControlClient& client, Format format) {
  auto answer = client.get("/v1/routes");
  if (!answer || format == Format::json) return answer;
  const auto json = Json::parse(*answer, nullptr, false);
  if (!json.is_object() || !json.contains("routes")) return invalid("the answer has no routes");
  Table table({{"HOST"}, {"PREFIX"}, {"SERVICE"}, {"STRIP"}, {"SETTINGS"}});
  for (const auto& each : json["routes"]) {
    auto others = each;
    for (const auto* name : {"host", "prefix", "service", "strip"}) others.erase(name);
    const auto host = each.value("host", "");
    table.add({host.empty() ? "any" : host, each.value("prefix", ""), each.value("service", ""),
               each.value("strip", false) ? "yes" : "no", others.empty() ? "" : others.dump()});
  }
  return table.to_string();
}

void add_route_commands(CLI::App& app, BoundCommands& commands) {
  auto& route = *add_command(app, "route", "list, add and remove routes: which service answers");
  route.require_subcommand(1);
  commands.push_back({add_command(route, "list", "list the routes in force"),
                      [](const ControlClient& client, const Waiting&, Format format) {
                        return show_routes(client, format);
                      }});

  struct Added {
    std::string written;
    wire::Route route;
  };
  const auto added = std::make_shared<Added>();
  auto* add = add_command(route, "add", "send requests for that host and path to that service");
  bind_value(*add, "ROUTE", "", "[HOST]/PREFIX=SERVICE[,strip]; strip removes the prefix",
             [added](std::string_view text, std::string_view) -> Result<> {
               auto parsed = wire::parse_route_flag(text, "the route");
               if (!parsed) return parsed.error();
               added->written = text;
               added->route = std::move(*parsed);
               return {};
             })
      ->required();
  commands.push_back(
      {add,
       [added](const ControlClient& client, const Waiting&, Format format) -> Result<std::string> {
         auto answer = client.post("/v1/routes", wire::to_json(added->route));
         if (!answer || format == Format::json) return answer;
         return fmt::format("{}{} is answered by {}\n", added->route.host, added->route.prefix,
                            added->route.service);
       }});

  const auto place = std::make_shared<Place>();
  auto* remove = add_command(route, "remove", "remove a route");
  auto take = place_parser(*place);
  bind_value(
      *remove, "[HOST]/PREFIX", "", "where it leads from",
      [place, take](std::string_view text, std::string_view flag) { return take(text, flag); })
      ->required();
  commands.push_back(
      {remove,
       [place](const ControlClient& client, const Waiting&, Format format) -> Result<std::string> {
         auto answer = client.remove(fmt::format("/v1/routes?host={}&prefix={}",
                                                 in_query(place->host), in_query(place->prefix)));
         if (!answer || format == Format::json) return answer;
         return fmt::format("{}{} has no route any more\n", place->host, place->prefix);
       }});
}

// Removing a worker that heartbeats ends its process.
Result<> check_backend(const ControlClient& client, const std::string& name) {
  const auto answer = client.get("/v1/workers/" + name);
  if (!answer) return answer.error();
  const auto workers = wire::parse_workers(*answer);
  if (!workers) return workers.error();
  if (workers->empty() || workers->front().kind != "tandem") return {};
  return invalid(fmt::format(
      "{} is no backend but a worker that heartbeats: tandem remove {} takes it out", name, name));
}

void add_backend_commands(CLI::App& app, BoundCommands& commands) {
  auto& backend = *add_command(app, "backend", "add and remove servers that do not heartbeat");
  backend.require_subcommand(1);
  struct Added {
    wire::WorkerSpec spec;
    unsigned weight = 100;
  };
  const auto added = std::make_shared<Added>();
  auto* add = add_command(backend, "add", "add a server, which the masters check");
  bind_value(*add, "ADDRESS", "", "HOST:PORT, numeric",
             [added](std::string_view text, std::string_view) -> Result<> {
               auto address = parse_endpoint(text, "ADDRESS");
               if (!address) return address.error();
               added->spec.address = std::move(*address);
               return {};
             })
      ->required();
  bind_name(*add, "--name", "its name; by default its address", added->spec.name);
  bind_name(*add, "--service", "the service that it belongs to", added->spec.service);
  bind_number(*add, "--weight", "its share of the traffic, relative to other workers",
              added->weight, {0, limits::weight_max});
  commands.push_back(
      {add,
       [added](const ControlClient& client, const Waiting&, Format format) -> Result<std::string> {
         Json body{{"address", added->spec.address.to_string()},
                   {"service", added->spec.service},
                   {"weight", added->weight}};
         if (!added->spec.name.empty()) body["name"] = added->spec.name;
         auto answer = client.post("/v1/workers", body.dump());
         if (!answer || format == Format::json) return answer;
         const auto& spec = added->spec;
         const auto name = spec.name.empty() ? wire::name_of_worker_at(spec.address) : spec.name;
         return fmt::format("{} is added as {}; it gets requests once a check is good\n",
                            spec.address.to_string(), name);
       }});

  const auto name = std::make_shared<std::string>();
  auto* remove = add_command(backend, "remove", "drain a server, wait, and take it out");
  bind_value(*remove, "NAME", "", "the server: its name, or the address that it was named by",
             [name](std::string_view text, std::string_view) -> Result<> {
               if (const auto address = parse_endpoint(text, "NAME")) {
                 *name = wire::name_of_worker_at(*address);
                 return {};
               }
               auto parsed = parse_name(text, "NAME");
               if (!parsed) return parsed.error();
               *name = std::move(*parsed);
               return {};
             })
      ->required();
  commands.push_back({remove,
                      [name](const ControlClient& client, const Waiting& waiting,
                             Format format) -> Result<std::string> {
                        if (const auto backend = check_backend(client, *name); !backend)
                          return backend.error();
                        return ctl::remove(client, *name, waiting, format);
                      }});
}

void add_weight_command(CLI::App& app, BoundCommands& commands) {
  struct Wanted {
    std::string worker;
    std::string weight;
  };
  const auto wanted = std::make_shared<Wanted>();
  auto* weight = add_command(app, "weight", "change a worker's share of the traffic");
  bind_value(*weight, "NAME", "", "the worker",
             [wanted](std::string_view text, std::string_view) -> Result<> {
               auto parsed = parse_name(text, "NAME");
               if (!parsed) return parsed.error();
               wanted->worker = std::move(*parsed);
               return {};
             })
      ->required();
  bind_value(*weight, "WEIGHT", "", "0: no requests; own: what the worker itself says",
             [wanted](std::string_view text, std::string_view) -> Result<> {
               const bool is_number =
                   !text.empty() && text.find_first_not_of("0123456789") == text.npos;
               if (text != "own" && !is_number) return invalid("WEIGHT must be a number, or own");
               wanted->weight = text == "own" ? "null" : std::string(text);
               return {};
             })
      ->required();
  commands.push_back(
      {weight,
       [wanted](const ControlClient& client, const Waiting&, Format format) -> Result<std::string> {
         auto answer = client.post(fmt::format("/v1/workers/{}/weight", wanted->worker),
                                   fmt::format(R"({{"weight":{}}})", wanted->weight));
         if (!answer || format == Format::json) return answer;
         return fmt::format("the weight of {} is {}\n", wanted->worker,
                            wanted->weight == "null" ? "its own" : wanted->weight);
       }});
}

}  // namespace

void add_routing_commands(CLI::App& app, BoundCommands& commands) {
  add_route_commands(app, commands);
  add_backend_commands(app, commands);
  add_weight_command(app, commands);
}

}  // namespace tandem::ctl
