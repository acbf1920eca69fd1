#include "common/cluster/link_endpoint.hpp"

#include <fmt/format.h>

#include "common/access/credential.hpp"
#include "common/base/clock.hpp"
#include "common/base/name.hpp"
#include "common/http/api_response.hpp"
#include "common/http1/field_text.hpp"

namespace tandem::cluster {

namespace {

constexpr std::string_view name_key = "node=";

ControlResponse upgrade_required() {
  auto answer = refusal(invalid(fmt::format("this needs Upgrade: {}", link_protocol)));
  answer.status = 426;
  answer.fields.emplace_back("Upgrade", link_protocol);
  return answer;
}

}  // namespace

LinkRequest read_link_request(const ControlRequest& request, const ClusterNode& node) {
  if (!equal_ignoring_case(request.upgrade, link_protocol)) return {.refusal = upgrade_required()};
  if (!request.query.starts_with(name_key)) {
    return {.refusal = refusal(invalid("node must be the name of a witness", "node"))};
  }
  const auto name = parse_name(request.query.substr(name_key.size()), "node");
  if (!name) return {.refusal = refusal(name.error())};
  const auto* caller = request.caller;
  if (caller == nullptr || access::may_speak_as(*caller, *name))
    return {.node = core::NodeId(*name)};
  const auto why = fmt::format("{} may not be sent what {} is", access::described(*caller), *name);
  node.refusals().unauthorized.fetch_add(1, std::memory_order_relaxed);
  node.refusals().log.refused(request.peer, why, now());
  return {.refusal = forbidden(why)};
}

ControlResponse link_made(std::function<void(std::shared_ptr<DetachedChannel>)> take) {
  return {.status = 101,
          .fields = {{"Upgrade", std::string(link_protocol)}},
          .trusts = true,
          .take_over = std::move(take)};
}

}  // namespace tandem::cluster
