// cluster_endpoint.hpp: POST /cluster/messages, as masters and witnesses serve it on their control
// addresses.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "common/cluster/cluster_node.hpp"
#include "common/cluster/message_reader.hpp"
#include "common/http/bearer_token.hpp"
#include "common/http/http_message.hpp"
#include "common/http/http_server.hpp"

namespace tandem::cluster {

inline constexpr std::string_view messages_path = "/cluster/messages";

// What may be sent to messages_path: with a snapshot in it a body is longer than others.
// Callers without the token are refused and counted.
Admission admit_messages(const ControlRequest& request, const std::optional<BearerToken>& token,
                         const ClusterNode& node);

// Hands the envelope and the sender's host to a copy of `deliver`, which brings them to the node's
// own thread. 204; 400 for what is not understood, 409 for another cluster and for what a later
// version has written. On the reader's loop; the rest of what is passed outlives the answer.
boost::asio::awaitable<ControlResponse> take_messages(
    const ControlRequest& request, const ClusterNode& node, MessageReader& reader,
    std::function<void(wire::ClusterEnvelope, std::string host)> deliver);

}  // namespace tandem::cluster
