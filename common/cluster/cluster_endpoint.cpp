#include "common/cluster/cluster_endpoint.hpp"

#include "common/base/clock.hpp"
#include "common/http/api_response.hpp"
#include "common/wire/limits.hpp"

namespace tandem::cluster {

Admission admit_messages(const ControlRequest& request, const std::optional<BearerToken>& token,
                         const ClusterNode& node) {
  if (token && !token->admits(request.authorization)) {
    node.refusals().unauthorized.fetch_add(1, std::memory_order_relaxed);
    node.refusals().log.refused(request.peer, "without this cluster's token", now());
    return {.refusal = not_authorized()};
  }
  return {
      .refusal = {}, .body_bytes_max = limits::cluster_body_bytes_max, .trusts = token.has_value()};
}

boost::asio::awaitable<ControlResponse> take_messages(
    const ControlRequest& request, const ClusterNode& node, MessageReader& reader,
    std::function<void(wire::ClusterEnvelope, std::string host)> deliver) {
  auto reading = reader.read(request.body);
  auto envelope = co_await std::move(reading);
  if (!envelope) {
    node.refusals().malformed.fetch_add(1, std::memory_order_relaxed);
    node.refusals().log.refused(request.peer, envelope.error().message, now());
    co_return refusal(envelope.error());
  }
  envelope->features = wire::parse_features(request.features);
  if (const auto ours = node.check(*envelope); !ours) {
    node.refusals().log.refused(request.peer, ours.error().message, now());
    co_return refusal(ours.error());
  }
  deliver(std::move(*envelope), std::string(request.peer));
  co_return ControlResponse{.status = 204, .body = {}, .trusts = true};
}

}  // namespace tandem::cluster
