#include "common/cluster/cluster_endpoint.hpp"

#include "common/http/api_response.hpp"

namespace tandem::cluster {

Admission admit_messages(const ControlRequest& request, const std::optional<BearerToken>& token,
                         const ClusterNode& node) {
  if (token && !token->admits(request.authorization)) {
    node.refusals().unauthorized.fetch_add(1, std::memory_order_relaxed);
    return {.refusal = not_authorized()};
  }
  return {.refusal = {}, .body_bytes_max = limits::cluster_body_bytes_max};
}

ControlResponse take_messages(
    const ControlRequest& request, const ClusterNode& node,
    const std::function<void(wire::ClusterEnvelope, std::string host)>& deliver) {
  auto envelope = wire::parse_cluster_envelope(request.body);
  if (!envelope) {
    node.refusals().malformed.fetch_add(1, std::memory_order_relaxed);
    return refusal(envelope.error());
  }
  if (const auto ours = node.check(*envelope); !ours) return refusal(ours.error());
  deliver(std::move(*envelope), std::string(request.peer));
  return {.status = 204, .body = {}};
}

}  // namespace tandem::cluster
