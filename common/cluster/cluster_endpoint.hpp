// cluster_endpoint.hpp: POST /cluster/messages, served by masters and witnesses at their control
// addresses.
#pragma once

#include <functional>
#include <string>

#include "common/cluster/cluster_node.hpp"
#include "common/cluster/message_reader.hpp"
#include "common/http/http_message.hpp"
#include "common/http/http_server.hpp"

namespace tandem::cluster {

inline constexpr std::string_view messages_path = "/cluster/messages";

// What `admission` becomes for messages_path: with a snapshot in it a body is longer than others.
// A refusal is counted.
Admission admit_messages(Admission admission, const ClusterNode& node);

// Hands the envelope and its sender to a copy of `deliver`, which brings them to the node's own
// thread. 204; 400 for what is not understood, 403 for what the caller may not say (in another's
// name, or a worker what masters alone say), 409 for another cluster and for what a later version
// has written. On the reader's loop; the rest of what is passed outlives the answer.
boost::asio::awaitable<ControlResponse> take_messages(
    const ControlRequest& request, const ClusterNode& node, MessageReader& reader,
    std::function<void(wire::ClusterEnvelope, Sender)> deliver);

}  // namespace tandem::cluster
