#include "master/control/status_api.hpp"

#include "common/base/clock.hpp"
#include "common/base/version.hpp"
#include "common/wire/status.hpp"
#include "master/control/api_response.hpp"

namespace tandem::master {

namespace {

// A node without peers is a cluster of one: it has its own name, one voter, nothing to replicate,
// and its loss is survived by nobody.
wire::Status status_of(const NodeView& node, const Registry& registry) {
  wire::Status status;
  status.cluster = node.node;
  status.node = node.node;
  status.version = version;
  status.role = node.role;
  status.term = node.term;
  status.protected_ = false;
  status.primary = wire::PrimaryStatus{.node = node.node,
                                       .control = node.control.to_string(),
                                       .listen = node.listen ? node.listen->to_string() : ""};
  status.voters.push_back({.name = node.node, .kind = "master", .match_index = {}});
  status.workers = registry.workers(now());
  return status;
}

ControlResponse role_answer(const NodeView& node, std::string_view asked) {
  if (node.role == asked)
    return document(fmt::format(R"({{"node":"{}","role":"{}"}})", node.node, asked));
  return refusal(
      fail(ErrorCode::unavailable, fmt::format("{} is {}, not {}", node.node, node.role, asked)));
}

}  // namespace

void route_status(ApiRouter& router, const Registry& registry, const NodeView& node) {
  router.add("GET", "/status", [&registry, &node](const ControlRequest&, std::string_view) {
    return document(wire::to_json(status_of(node, registry)));
  });
  for (const auto* role : {"primary", "standby"}) {
    router.add(
        "GET", fmt::format("/{}", role),
        [&node, role](const ControlRequest&, std::string_view) { return role_answer(node, role); });
  }
}

}  // namespace tandem::master
