#include "master/control/certificates_api.hpp"

#include <utility>

#include "common/http/api_response.hpp"

namespace tandem::master {

void route_certificates(ApiRouter& router, const CertificateHooks& hooks,
                        std::function<void(const ControlRequest&, const Result<>&)> told) {
  const auto shown = [status = hooks.status] {
    return document(wire::to_json(status ? status() : std::vector<wire::CertificateStatus>()));
  };
  router.add({.method = "GET",
              .path = "/v1/certificates",
              .handler = [shown](const ControlRequest&, const std::string&) { return shown(); }});
  router.add({.method = "POST",
              .path = "/v1/certificates/reload",
              .handler = [shown, hooks, told = std::move(told)](const ControlRequest& request,
                                                                const std::string&) {
                if (!hooks.is_on || !hooks.is_on()) {
                  return refusal(fail(ErrorCode::not_found, "this master has no --tls"));
                }
                const auto reloaded = hooks.reload();
                told(request, reloaded);
                if (reloaded) return shown();
                return refusal(fail(ErrorCode::conflict, reloaded.error().message));
              }});
}

}  // namespace tandem::master
