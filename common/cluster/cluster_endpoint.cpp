#include "common/cluster/cluster_endpoint.hpp"

#include <algorithm>

#include "common/access/credential.hpp"
#include "common/base/clock.hpp"
#include "common/http/api_response.hpp"
#include "common/wire/limits.hpp"
#include "common/wire/unreached.hpp"

namespace tandem::cluster {

namespace {

// It answers, lends its log, and says when it has lost the primary; it never leads, and stands for
// no election.
bool is_a_witness_word(const core::Message& message) {
  return std::holds_alternative<core::AppendReply>(message.body) ||
         std::holds_alternative<core::VoteReply>(message.body) ||
         std::holds_alternative<core::LogExcerpt>(message.body) ||
         std::holds_alternative<core::Released>(message.body);
}

// What the caller may not say, in a sentence; empty: nothing.
std::string unallowed(const access::Credential* caller, const wire::ClusterEnvelope& envelope) {
  if (caller == nullptr) return {};
  if (!access::may_speak_as(*caller, envelope.node.name())) {
    return fmt::format("{} may not send messages as {}", access::described(*caller), envelope.node);
  }
  if (caller->role != access::Role::worker) return {};
  const auto& messages = envelope.messages;
  if (std::all_of(messages.begin(), messages.end(), is_a_witness_word)) return {};
  return fmt::format("{} may not send what masters alone send", access::described(*caller));
}

Sender sender_of(const ControlRequest& request) {
  Sender sender{.host = std::string(request.peer)};
  if (request.caller == nullptr) return sender;
  sender.role = request.caller->role;
  // One with a certificate proves by it who it is, and is presented one: there is no secret.
  const bool has_token = !request.caller->sha256.empty();
  if (has_token && sender.role != access::Role::master) {
    sender.secret = access::witness_secret(request.caller->sha256);
  }
  return sender;
}

}  // namespace

Admission admit_messages(Admission admission, const ClusterNode& node) {
  if (admission.refusal) {
    node.refusals().unauthorized.fetch_add(1, std::memory_order_relaxed);
  } else {
    admission.body_bytes_max = limits::cluster_body_bytes_max;
  }
  return admission;
}

boost::asio::awaitable<ControlResponse> take_messages(
    const ControlRequest& request, const ClusterNode& node, MessageReader& reader,
    std::function<void(wire::ClusterEnvelope, Sender)> deliver) {
  auto reading = reader.read(request.body);
  auto envelope = co_await std::move(reading);
  if (!envelope) {
    node.refusals().malformed.fetch_add(1, std::memory_order_relaxed);
    node.refusals().log.refused(request.peer, envelope.error().message, now());
    co_return refusal(envelope.error());
  }
  if (const auto why = unallowed(request.caller, *envelope); !why.empty()) {
    node.refusals().unauthorized.fetch_add(1, std::memory_order_relaxed);
    node.refusals().log.refused(request.peer, why, now());
    co_return forbidden(why);
  }
  envelope->features = wire::parse_features(request.features);
  envelope->unreached = wire::parse_unreached(request.unreached);
  if (const auto ours = node.check(*envelope); !ours) {
    node.refusals().log.refused(request.peer, ours.error().message, now());
    co_return refusal(ours.error());
  }
  deliver(std::move(*envelope), sender_of(request));
  co_return ControlResponse{.status = 204, .body = {}, .trusts = true};
}

}  // namespace tandem::cluster
