#include "master/control/heartbeat_api.hpp"

#include "common/base/clock.hpp"
#include "common/base/sender_address.hpp"
#include "common/http/api_response.hpp"
#include "common/wire/heartbeat.hpp"
#include "master/control/own_addresses.hpp"

namespace tandem::master {

namespace {

// Caches the three possible answers; each is made anew only when the node's view has changed.
class Answers {
 public:
  Answers(const NodeView& node, const ClusterMember& member, Duration interval,
          const core::Timing& timing)
      : node_(node), member_(member), interval_(interval), timing_(timing) {
    make();
  }

  const std::string& of(Membership membership) {
    if (version_ != node_.version || masters_ != member_.reachable_masters()) make();
    switch (membership) {
      case Membership::registered: return registered_;
      case Membership::left: return left_;
      case Membership::removed: break;
    }
    return removed_;
  }

 private:
  void make() {
    version_ = node_.version;
    masters_ = member_.reachable_masters();
    wire::HeartbeatReply reply;
    reply.node = node_.node;
    reply.role = node_.role;
    reply.term = node_.term;
    reply.primary = node_.primary;
    reply.interval = interval_;
    reply.cluster_heartbeat = timing_.heartbeat;
    reply.election_timeout = timing_.election_timeout;
    for (const auto& [name, master] : masters_) {
      if (!reply.masters.empty()) reply.masters += ' ';
      reply.masters += fmt::format("{}={}", name, master.address.to_string());
    }
    reply.masters_as_of = member_.masters_as_of().value();
    if (reply.masters_as_of > 0) reply.cluster = fmt::format("{}", member_.view().cluster);
    reply.registered = true;
    registered_ = wire::to_json(reply);
    reply.registered = false;
    left_ = wire::to_json(reply);
    reply.removed = true;
    removed_ = wire::to_json(reply);
  }

  const NodeView& node_;
  const ClusterMember& member_;
  const Duration interval_;
  const core::Timing timing_;
  std::uint64_t version_ = 0;
  MasterRecords masters_;
  std::string registered_;
  std::string left_;
  std::string removed_;
};

constexpr std::string_view no_vote =
    "it has a state directory, and its token was issued without witness = true: it serves, and "
    "does not vote";

// Removes what it offers without being allowed to: it serves all the same. False: it did.
bool take_offer(const access::Credential* caller, wire::Heartbeat& heartbeat) {
  if (caller == nullptr || access::may_speak_as(*caller, heartbeat.name)) return true;
  return !std::exchange(heartbeat.witness, std::nullopt);
}

void add(std::string& reply, std::string_view name, std::string_view text) {
  if (!text.empty()) reply = wire::with_member(reply, name, text);
}

}  // namespace

// On another machine a loopback address means that machine itself.
std::string warning_for(const wire::Heartbeat& heartbeat, std::string_view peer) {
  if (!heartbeat.address.is_loopback()) return {};
  const std::string host(peer);
  if (is_of_this_machine(host)) return {};
  return fmt::format(
      "it advertises {}, a loopback address, to a master on another machine: give it --advertise "
      "with an address that masters can reach",
      heartbeat.address.to_string());
}

void route_heartbeats(ApiRouter& router, Registry& registry, const NodeView& node,
                      ClusterMember& member, AccessControl& access, const core::Timing& timing,
                      HeartbeatCounts& counts, std::function<void(Term)> heard_term,
                      std::function<Result<>(const Endpoint&)> check_address) {
  const auto answers =
      std::make_shared<Answers>(node, member, registry.options().heartbeat_interval, timing);
  const auto take = [&registry, &node, &member, &access, answers, heard_term,
                     check_address](const ControlRequest& request) {
    auto heartbeat = wire::parse_heartbeat(request.body);
    if (!heartbeat) return refusal(heartbeat.error());
    const auto address = reachable_from_here(heartbeat->address, request.peer);
    if (auto outside = access.check_worker(request, *heartbeat, address))
      return std::move(*outside);
    const bool may_vote = take_offer(request.caller, *heartbeat);
    if (const auto allowed = check_address(address); !allowed) return refusal(allowed.error());
    const auto membership = registry.heartbeat(*heartbeat, request.peer, now());
    if (!membership) return refusal(membership.error());
    if (heartbeat->term > node.term) heard_term(heartbeat->term);
    if (*membership == Membership::registered) member.heard_witness(*heartbeat, request);
    const auto key = registry.term_key(heartbeat->name);
    const bool is_keyed = *membership == Membership::registered && !key.empty();
    auto text = answers->of(*membership);
    add(text, "key", is_keyed ? key : std::string_view());
    add(text, "checks", registry.checks(heartbeat->service));
    add(text, "warning", may_vote ? warning_for(*heartbeat, request.peer) : std::string(no_vote));
    auto answer = document(std::move(text));
    answer.trusts = true;
    return answer;
  };
  router.add({.method = "POST",
              .path = "/heartbeat",
              .access = ApiEndpoint::Access::worker,
              .handler = [take, &counts](const ControlRequest& request, const std::string&) {
                auto answer = take(request);
                ++(answer.status == 200 ? counts.taken : counts.refused);
                return answer;
              }});
}

}  // namespace tandem::master
