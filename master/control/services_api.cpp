#include "master/control/services_api.hpp"

#include <boost/asio.hpp>

#include "common/base/clock.hpp"
#include "common/base/name.hpp"
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

Result<Change> read_settings(const Registry& registry, const Result<std::string>& service,
                             std::string_view body) {
  if (!service) return service.error();
  const auto settings = wire::parse_service_settings(body);
  if (!settings) return settings.error();
  return registry.set_settings(*service, *settings);
}

void route_settings(ApiRouter& router, const Registry& registry, Commit commit) {
  constexpr std::string_view pattern = "/v1/services/{name}/settings";
  router.add("GET", pattern, [&registry](const ControlRequest&, std::string_view text) {
    const auto name = parse_name(text, "name");
    return name ? document(wire::to_json(registry.settings(*name))) : refusal(name.error());
  });
  router.add_change(
      "PUT", pattern, [&registry, commit](const ControlRequest& request, std::string_view text) {
        const auto name = parse_name(text, "name");
        auto change = read_settings(registry, name, request.body);
        return change_settings(registry, commit, std::move(change), std::string(text));
      });
  router.add_change(
      "DELETE", pattern, [&registry, commit](const ControlRequest&, std::string_view text) {
        const auto name = parse_name(text, "name");
        auto change = name ? registry.remove_settings(*name) : Result<Change>(name.error());
        return change_settings(registry, commit, std::move(change), std::string(text));
      });
}

}  // namespace

void route_services(ApiRouter& router, const Registry& registry, Commit commit) {
  route_settings(router, registry, std::move(commit));
  router.add("GET", "/v1/services", [&registry](const ControlRequest&, std::string_view) {
    return document(wire::to_json(registry.services(now())));
  });
  router.add(
      "GET", "/v1/services/{name}", [&registry](const ControlRequest&, std::string_view text) {
        const auto name = parse_name(text, "name");
        if (!name) return refusal(name.error());
        const auto service = registry.service(*name, now());
        if (service) return document(wire::to_json(*service));
        return refusal(
            fail(ErrorCode::not_found, fmt::format("no service has the name {}", *name), "name"));
      });
}

}  // namespace tandem::master
