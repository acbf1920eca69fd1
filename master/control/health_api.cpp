#include "master/control/health_api.hpp"

#include <fmt/format.h>

#include "common/http/api_response.hpp"

namespace tandem::master {

void route_health(ApiRouter& router, std::function<std::string_view()> failure,
                  std::function<std::string()> not_ready) {
  router.add({.method = "GET",
              .path = "/health",
              .access = ApiEndpoint::Access::open,
              .handler = [failure = std::move(failure)](const ControlRequest&, const std::string&) {
                const auto what = failure();
                if (what.empty()) return document(R"({"status":"alive"})");
                return document(fmt::format(R"({{"status":"alive","failure":"{}"}})", what));
              }});
  router.add(
      {.method = "GET",
       .path = "/ready",
       .access = ApiEndpoint::Access::open,
       .handler = [not_ready = std::move(not_ready)](const ControlRequest&, const std::string&) {
         auto why = not_ready();
         if (why.empty()) return document(R"({"status":"ready"})");
         return refusal(fail(ErrorCode::unavailable, std::move(why)));
       }});
}

}  // namespace tandem::master
