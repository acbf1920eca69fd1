#include "master/control/services_api.hpp"

#include "common/base/clock.hpp"
#include "common/base/name.hpp"
#include "common/wire/status.hpp"
#include "common/http/api_response.hpp"

namespace tandem::master {

void route_services(ApiRouter& router, const Registry& registry) {
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
