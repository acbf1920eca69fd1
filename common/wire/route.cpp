#include "common/wire/route.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/base/ascii.hpp"
#include "common/base/limits.hpp"
#include "common/base/name.hpp"
#include "common/wire/json_reader.hpp"
#include "common/wire/limits.hpp"

namespace tandem::wire {

namespace {

// Why the text is not a host name or address literal; empty when it is one, or is empty.
std::string_view host_problem(std::string_view host) {
  if (host.size() > limits::host_bytes_max) return "is too long";
  const auto fine = [](char c) {
    return is_lower(c) || is_digit(c) || c == '.' || c == '-' || c == '_' || c == '[' || c == ']' ||
           c == ':';
  };
  if (!std::all_of(host.begin(), host.end(), fine)) return "must be a host without port";
  const bool has_port = !host.starts_with('[') && host.find(':') != host.npos;
  return has_port ? "must be a host without port" : "";
}

// Why the text is not a prefix; empty when it is one.
std::string_view prefix_problem(std::string_view prefix) {
  if (!prefix.starts_with('/')) return "must begin with /";
  if (prefix.size() > limits::route_prefix_bytes_max) return "is too long";
  const auto fine = [](char c) { return c > ' ' && c < 0x7f && c != '?' && c != '#'; };
  return std::all_of(prefix.begin(), prefix.end(), fine) ? "" : "must be a path without query";
}

void normalize(Route& route) {
  route.host = lowered(std::move(route.host));
  while (route.prefix.size() > 1 && route.prefix.ends_with('/')) route.prefix.pop_back();
}

}  // namespace

std::string to_json(const Route& route) {
  nlohmann::ordered_json json{{"host", route.host},
                              {"prefix", route.prefix},
                              {"service", route.service},
                              {"strip", route.strip}};
  write_rules(route.rules, json);
  return dump(json);
}

Result<Route> parse_route(std::string_view text) {
  const auto json = parse_object(text, limits::control_body_bytes_max);
  if (!json.ok()) return json.error();
  Route route;
  MemberReader reader(*json);
  reader.name("service", route.service);
  reader.text("host", route.host, Presence::optional);
  reader.text("prefix", route.prefix, Presence::optional);
  reader.boolean("strip", route.strip, Presence::optional);
  read_rules(reader, route.rules);
  normalize(route);
  if (const auto why = host_problem(route.host); !why.empty()) reader.refuse("host", why);
  if (const auto why = prefix_problem(route.prefix); !why.empty()) reader.refuse("prefix", why);
  const auto finished = reader.finish(UnknownMembers::refuse);
  if (!finished.ok()) return finished.error();
  return route;
}

Result<Route> parse_route_flag(std::string_view text, std::string_view flag) {
  const auto refuse = [&](std::string_view why) {
    return invalid(fmt::format("{} {}, not \"{}\"", flag, why, text.substr(0, 64)));
  };
  const auto slash = text.find('/');
  const auto equals = text.rfind('=');
  if (slash == text.npos || equals == text.npos || equals < slash) {
    return refuse("must be [HOST]/PREFIX=SERVICE[,strip]");
  }
  Route route;
  route.host = text.substr(0, slash);
  route.prefix = text.substr(slash, equals - slash);
  auto service = text.substr(equals + 1);
  if (service.ends_with(",strip")) {
    route.strip = true;
    service.remove_suffix(std::string_view(",strip").size());
  }
  if (!is_name(service)) return refuse("must name a service after =");
  route.service = service;
  normalize(route);
  if (!host_problem(route.host).empty() || route.host.ends_with('.'))
    return refuse("must have a host without port or last dot before /");
  if (!prefix_problem(route.prefix).empty()) return refuse("must have a path without query");
  return route;
}

}  // namespace tandem::wire
