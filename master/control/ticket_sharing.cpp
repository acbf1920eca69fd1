#include "master/control/ticket_sharing.hpp"

#include <algorithm>

#include <boost/asio.hpp>

#include "common/access/credential.hpp"
#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "common/http/api_response.hpp"
#include "common/wire/ticket_keys.hpp"
#include "master/control/pass_on.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

constexpr std::string_view purpose = "tandem ticket keys";
constexpr Duration answer_max = 1s;

}  // namespace

TicketSharing::TicketSharing(asio::io_context& loop, HttpCalls& calls, const Registry& registry,
                             const ClusterMember& member, std::string node,
                             std::function<std::string()> token, TicketHooks hooks)
    : loop_(loop),
      calls_(calls),
      registry_(registry),
      member_(member),
      node_(std::move(node)),
      token_(std::move(token)),
      hooks_(std::move(hooks)) {}

// Those that were removed are not waited for, and what they had does not count.
bool TicketSharing::all_have_ring() const {
  const auto version = hooks_.version();
  const auto others = member_.others();
  return std::all_of(others.begin(), others.end(), [&](const auto& other) {
    const auto known = known_.find(std::string(other.first.name()));
    return known != known_.end() && known->second == version;
  });
}

void TicketSharing::tick(Instant now) {
  using Standing = TicketHooks::Standing;
  if (!is_on()) return;
  if (member_.may_decide(now)) {
    return hooks_.tick(all_have_ring() ? Standing::primary : Standing::primary_awaits);
  }
  known_.clear();
  hooks_.tick(Standing::other);
  const auto& view = member_.view();
  if (asking_ || member_.is_primary() || !view.primary_addresses) return;
  if (registry_.state().secret.empty()) return;
  std::pair leads(std::string(view.primary.name()), view.term);
  if (leads == asked_ && now < ask_again_) return;
  asking_ = true;
  asked_ = leads;
  ask_again_ = now + std::min<Duration>(1s, hooks_.interval() / 4);
  asio::co_spawn(loop_, ask(view.primary_addresses->control, std::move(leads.first)),
                 asio::detached);
}

asio::awaitable<void> TicketSharing::ask(Endpoint primary, std::string name) {
  const auto question = wire::to_json(
      wire::TicketKeysQuestion{.node = node_, .have = hooks_.version(), .key = key_.public_key()});
  ControlRequest request;
  request.method = "POST";
  request.path = wire::ticket_keys_path;
  request.body = question;
  auto asking = pass_on(calls_, primary, request, token_(), answer_max);
  const auto answer = co_await std::move(asking);
  asking_ = false;
  if (!answer || answer->status != 200) {
    const auto why = answer ? std::to_string(answer->status) : answer.error().message;
    if (!answer || answer->status != 204) log::debug("no ticket keys reason=\"{}\"", why);
    co_return;
  }
  const auto told = wire::parse_ticket_keys_answer(answer->body);
  const auto ring =
      told ? key_.open(told->key, registry_.state().secret, purpose, told->ring) : std::nullopt;
  // Who leads may have changed meanwhile; then the other is asked.
  if (member_.view().primary.name() != name) co_return;
  if (!ring || !hooks_.take(*ring)) {
    log::warn("ticket keys not understood primary={} address={}", name, primary.to_string());
  }
}

// Others than masters have no use for them, even if they were given a master's token.
ControlResponse TicketSharing::answer(const ControlRequest& request) {
  const auto question = wire::parse_ticket_keys_question(request.body);
  if (!question) return refusal(question.error());
  if (request.caller != nullptr && !access::may_speak_as(*request.caller, question->node)) {
    return forbidden("a master asks for ticket keys in its own name");
  }
  if (!member_.others().contains(core::NodeId(question->node))) {
    return forbidden(fmt::format("{} is no other master of this cluster", question->node));
  }
  if (!member_.may_decide(now())) return refusal(member_.undecided());
  const auto& secret = registry_.state().secret;
  if (!is_on() || secret.empty()) return {.status = 204, .body = {}, .trusts = true};
  known_[question->node] = question->have;
  if (question->have == hooks_.version()) return {.status = 204, .body = {}, .trusts = true};
  const SealingKey key;
  const auto sealed = key.seal(question->key, secret, purpose, hooks_.ring());
  if (!sealed) {
    return refusal(invalid("key must be a public key of X25519 in hexadecimal digits", "key"));
  }
  auto told = document(wire::to_json({.key = key.public_key(), .ring = *sealed}));
  told.trusts = true;
  return told;
}

// A key that some do not have yet is not to encrypt.
ControlResponse TicketSharing::turn() {
  if (!is_on()) return refusal(fail(ErrorCode::not_found, "this master has no --tls"));
  if (!all_have_ring()) {
    return refusal(fail(ErrorCode::unavailable,
                        "not all masters have the next key yet: ask again; nothing was changed"));
  }
  hooks_.turn();
  return document("{}");
}

void TicketSharing::route(ApiRouter& router) {
  router.add({.method = "POST",
              .path = "/v1/ticket-keys/turn",
              .role = ApiEndpoint::Role::primary,
              .handler = [this](const ControlRequest&, const std::string&) { return turn(); }});
  router.add({.method = "POST",
              .path = wire::ticket_keys_path,
              .access = ApiEndpoint::Access::master,
              .handler = [this](const ControlRequest& request, const std::string&) {
                return answer(request);
              }});
}

}  // namespace tandem::master
