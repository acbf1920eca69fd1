// cluster_endpoint.hpp: POST /cluster/messages, served by masters and witnesses at their control
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

// The admission for messages_path, which allows longer bodies than other paths, because of
// snapshots. Callers without the token are refused and counted.
Admission admit_messages(const ControlRequest& request, const std::optional<BearerToken>& token,
                         const ClusterNode& node);

// Hands the envelope and the sender's host to a copy of `deliver`, which takes them to the node's
// own thread. Answers 204; 400 for a body that is not understood, 409 for another cluster and for a
// later version. On the reader's loop; the other arguments outlive the answer.
boost::asio::awaitable<ControlResponse> take_messages(
    const ControlRequest& request, const ClusterNode& node, MessageReader& reader,
    std::function<void(wire::ClusterEnvelope, std::string host)> deliver);

}  // namespace tandem::cluster
