#include "master/control/routes_api.hpp"

#include <boost/asio.hpp>
#include <nlohmann/json.hpp>

#include "common/http/api_response.hpp"
#include "common/wire/json_reader.hpp"
#include "common/wire/route.hpp"
#include "master/control/access_control.hpp"
#include "master/control/query.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

std::string list_of(const Routes& routes) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& [key, route] : routes) {
    list.push_back(nlohmann::ordered_json::parse(wire::to_json(route)));
  }
  return wire::dump({{"routes", std::move(list)}});
}

Routes only(const wire::Route& route) { return {{{route.host, route.prefix}, route}}; }

// host=...&prefix=...
Result<RouteKey> read_key(std::string_view query) {
  auto parameters = parse_query(query, {"host", "prefix"});
  if (!parameters) return parameters.error();
  RouteKey key{(*parameters)["host"], (*parameters)["prefix"]};
  if (key.second.empty()) return invalid("prefix is missing", "prefix");
  return key;
}

asio::awaitable<ControlResponse> change_routes(const Commit& commit, wire::Author by,
                                               Result<Change> change, Routes changed,
                                               unsigned status) {
  if (!change) co_return refusal(change.error());
  auto committing = commit(*change, std::move(by));
  if (const auto made = co_await std::move(committing); !made) {
    co_return not_committed(made.error());
  }
  auto response = document(list_of(changed));
  response.status = status;
  co_return response;
}

}  // namespace

void route_routes(ApiRouter& router, const Registry& registry, Commit commit) {
  using enum ApiEndpoint::Role;
  constexpr std::string_view path = "/v1/routes";
  router.add({.method = "GET",
              .path = path,
              .handler = [&registry](const ControlRequest&, const std::string&) {
                return document(list_of(registry.routes()));
              }});
  router.add({.method = "POST",
              .path = path,
              .role = primary,
              .handler = [&registry, commit](const ControlRequest& request, const std::string&) {
                const auto route = wire::parse_route(request.body);
                auto by = AccessControl::author_of(request);
                if (!route) return change_routes(commit, std::move(by), route.error(), {}, 201);
                return change_routes(commit, std::move(by), registry.set_route(*route),
                                     only(*route), 201);
              }});
  router.add({.method = "DELETE",
              .path = path,
              .role = primary,
              .handler = [&registry, commit](const ControlRequest& request, const std::string&) {
                const auto key = read_key(request.query);
                auto by = AccessControl::author_of(request);
                if (!key) return change_routes(commit, std::move(by), key.error(), {}, 200);
                const auto& routes = registry.state().routes;
                const auto found = routes.find(*key);
                return change_routes(commit, std::move(by),
                                     registry.remove_route(key->first, key->second),
                                     found == routes.end() ? Routes() : only(found->second), 200);
              }});
}

}  // namespace tandem::master
