// link_endpoint.hpp: POST /cluster/link?node=NAME at a master's control address, by which a witness
// that has no port makes the connection on which it is sent messages (decision 078).
//
// It asks for an upgrade to link_protocol, HTTP/1.1 the other way round: after the answer, 101, the
// master asks on this connection and the witness answers. Who the witness is was proven when it
// asked; whom it has called it knows.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "common/cluster/cluster_node.hpp"
#include "common/http/http_message.hpp"

namespace tandem::cluster {

inline constexpr std::string_view link_path = "/cluster/link";
inline constexpr std::string_view link_protocol = "tandem-link";

struct LinkRequest {
  std::optional<ControlResponse> refusal{};  // 400, 403, or 426 without the upgrade
  core::NodeId node{};                       // the witness, where there is none
};

// Refusals are counted, and logged with the address.
LinkRequest read_link_request(const ControlRequest& request, const ClusterNode& node);

// The answer after which `take` has the connection.
ControlResponse link_made(std::function<void(std::shared_ptr<DetachedChannel>)> take);

}  // namespace tandem::cluster
