#include "master/control/health_api.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "common/http/api_response.hpp"

namespace tandem::master {

void route_health(ApiRouter& router, std::function<std::string_view()> failure,
                  std::function<std::string()> not_ready) {
  router.add("GET", "/health",
             [failure = std::move(failure)](const ControlRequest&, std::string_view) {
               const auto what = failure();
               if (what.empty()) return document(R"({"status":"alive"})");
               return document(fmt::format(R"({{"status":"alive","failure":"{}"}})", what));
             });
  router.add("GET", "/ready",
             [not_ready = std::move(not_ready)](const ControlRequest&, std::string_view) {
               auto why = not_ready();
               if (why.empty()) return document(R"({"status":"ready"})");
               return refusal(fail(ErrorCode::unavailable, std::move(why)));
             });
}

bool is_open_to_all(std::string_view path) {
  static constexpr std::array<std::string_view, 4> open{"/health", "/ready", "/primary",
                                                        "/standby"};
  return std::find(open.begin(), open.end(), path) != open.end();
}

}  // namespace tandem::master
