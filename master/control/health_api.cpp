#include "master/control/health_api.hpp"

#include <algorithm>
#include <array>

#include "master/control/api_response.hpp"

namespace tandem::master {

void route_health(ApiRouter& router, const NodeView& node) {
  router.add("GET", "/health", [](const ControlRequest&, std::string_view) {
    return document(R"({"status":"alive"})");
  });
  router.add("GET", "/ready", [&node](const ControlRequest&, std::string_view) {
    if (!node.draining.load(std::memory_order_relaxed)) return document(R"({"status":"ready"})");
    return refusal(fail(ErrorCode::unavailable, fmt::format("{} is draining", node.node)));
  });
}

bool is_open_to_all(std::string_view path) {
  static constexpr std::array<std::string_view, 4> open{"/health", "/ready", "/primary",
                                                        "/standby"};
  return std::find(open.begin(), open.end(), path) != open.end();
}

}  // namespace tandem::master
