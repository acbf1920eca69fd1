#include "master/control/services_api.hpp"

#include <boost/asio.hpp>

#include "common/base/clock.hpp"
#include "common/wire/status.hpp"
#include "common/http/api_response.hpp"

namespace tandem::master {

namespace {

namespace asio = boost::asio;

asio::awaitable<ControlResponse> change_settings(const Registry& registry, const Commit& commit,
                                                 Result<Change> change, std::string service) {
  if (!change) co_return refusal(change.error());
  auto committing = commit(*change);
  if (const auto made = co_await std::move(committing); !made) {
    co_return not_committed(made.error());
  }
  co_return document(wire::to_json(registry.settings(service)));
}

Result<Change> read_settings(const Registry& registry, const std::string& service,
                             std::string_view body) {
  const auto settings = wire::parse_service_settings(body);
  if (!settings) return settings.error();
  return registry.set_settings(service, *settings);
}

ControlResponse show(const Registry& registry, const std::string& name) {
  const auto service = registry.service(name, now());
  if (service) return document(wire::to_json(*service));
  return refusal(
      fail(ErrorCode::not_found, fmt::format("no service has the name {}", name), "name"));
}

void route_settings(ApiRouter& router, const Registry& registry, Commit commit) {
  using enum ApiEndpoint::Role;
  constexpr std::string_view path = "/v1/services/{name}/settings";
  router.add({.method = "GET",
              .path = path,
              .handler = [&registry](const ControlRequest&, const std::string& name) {
                return document(wire::to_json(registry.settings(name)));
              }});
  router.add(
      {.method = "PUT",
       .path = path,
       .role = primary,
       .handler = [&registry, commit](const ControlRequest& request, const std::string& name) {
         return change_settings(registry, commit, read_settings(registry, name, request.body),
                                name);
       }});
  router.add({.method = "DELETE",
              .path = path,
              .role = primary,
              .handler = [&registry, commit](const ControlRequest&, const std::string& name) {
                return change_settings(registry, commit, registry.remove_settings(name), name);
              }});
}

}  // namespace

void route_services(ApiRouter& router, const Registry& registry, Commit commit) {
  route_settings(router, registry, std::move(commit));
  router.add({.method = "GET",
              .path = "/v1/services",
              .handler = [&registry](const ControlRequest&, const std::string&) {
                return document(wire::to_json(registry.services(now())));
              }});
  router.add({.method = "GET",
              .path = "/v1/services/{name}",
              .handler = [&registry](const ControlRequest&, const std::string& name) {
                return show(registry, name);
              }});
}

}  // namespace tandem::master
