#include "master/control/heartbeat_api.hpp"

#include "common/base/clock.hpp"
#include "common/wire/heartbeat.hpp"
#include "master/control/api_response.hpp"

namespace tandem::master {

namespace {

std::string reply_text(const NodeView& node, Duration interval, Membership membership) {
  wire::HeartbeatReply reply;
  reply.node = node.node;
  reply.role = node.role;
  reply.term = node.term;
  reply.primary = node.node;
  reply.interval = interval;
  reply.registered = membership == Membership::registered;
  return wire::to_json(reply);
}

}  // namespace

void route_heartbeats(ApiRouter& router, Registry& registry, const NodeView& node) {
  // There are two answers, made once.
  const auto interval = registry.options().heartbeat_interval;
  router.add("POST", "/heartbeat",
             [&registry, registered = reply_text(node, interval, Membership::registered),
              left = reply_text(node, interval, Membership::left)](const ControlRequest& request,
                                                                   std::string_view) {
               const auto heartbeat = wire::parse_heartbeat(request.body);
               if (!heartbeat) return refusal(heartbeat.error());
               const auto membership = registry.heartbeat(*heartbeat, request.peer, now());
               if (!membership) return refusal(membership.error());
               return document(*membership == Membership::registered ? registered : left);
             });
}

}  // namespace tandem::master
