#include "master/control/heartbeat_api.hpp"

#include "common/access/last_day.hpp"
#include "common/base/clock.hpp"
#include "common/base/sender_address.hpp"
#include "common/http/api_response.hpp"
#include "common/wire/error_document.hpp"
#include "common/wire/heartbeat.hpp"

namespace tandem::master {

namespace {

constexpr unsigned wanted_in_full = 412;
constexpr std::string_view no_vote =
    "it has a state directory, and its token was issued without witness = true: it serves, and "
    "does not vote";

// Removes what it offers without being allowed to: it serves all the same. False: it did.
bool take_offer(const access::Credential* caller, wire::Heartbeat& heartbeat) {
  if (caller == nullptr || access::may_speak_as(*caller, heartbeat.name)) return true;
  return !std::exchange(heartbeat.witness, std::nullopt);
}

// Kept as long as it is compared. The tokens' callers live as long as the tokens are the same; one
// with a certificate, as long as its connection.
std::shared_ptr<const void> caller_of(const ControlRequest& request) {
  if (request.caller != nullptr && request.caller == request.certified.get()) {
    return request.certified;
  }
  return {std::shared_ptr<const void>(), request.caller};
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

HeartbeatApi::HeartbeatApi(Sources sources, const core::Timing& timing)
    : sources_(sources), timing_(timing) {
  make_replies();
}

std::uint64_t HeartbeatApi::admissions() const {
  return sources_.access.version() + sources_.own_addresses.version();
}

void HeartbeatApi::route(ApiRouter& router) {
  router.add({.method = "POST",
              .path = "/heartbeat",
              .access = ApiEndpoint::Access::worker,
              .handler = [this](const ControlRequest& request, const std::string&) {
                return answer(request);
              }});
}

ControlResponse HeartbeatApi::answer(const ControlRequest& request) {
  const auto repeated = wire::read_repetition(request.body);
  auto answer = repeated ? take(*repeated, request) : take(request);
  answer.trusts = answer.status < 300;
  answer.repeats = answer.trusts || answer.status == wanted_in_full;
  auto& counts = sources_.counts;
  ++(answer.status < 300               ? counts.taken
     : answer.status == wanted_in_full ? counts.unknown
                                       : counts.refused);
  return answer;
}

ControlResponse HeartbeatApi::take(const ControlRequest& request) {
  auto& registry = sources_.registry;
  auto heartbeat = wire::parse_heartbeat(request.body);
  if (!heartbeat) return refusal(heartbeat.error());
  const auto address = reachable_from_here(heartbeat->address, request.peer);
  if (auto outside = sources_.access.check_worker(request, *heartbeat, address)) {
    return std::move(*outside);
  }
  const bool may_vote = take_offer(request.caller, *heartbeat);
  const auto allowed = sources_.own_addresses.check_newcomer(address);
  if (!allowed) return refusal(allowed.error());
  const auto membership = registry.heartbeat(*heartbeat, request.peer, now());
  if (!membership) return refusal(membership.error());
  if (heartbeat->term > sources_.node.term) sources_.member.report_term(heartbeat->term);
  const bool is_registered = *membership == Membership::registered;
  if (is_registered && request.certificate != nullptr) {
    registry.note_certificate(heartbeat->name, *request.certificate, access::wall_time());
  }
  if (is_registered) sources_.member.heard_witness(*heartbeat, request);
  make_replies();
  KeptDocument document{
      .sequence = heartbeat->sequence,
      .caller = caller_of(request),
      .host = std::string(request.peer),
      .admissions = admissions(),
      .warning = may_vote ? warning_for(*heartbeat, request.peer) : std::string(no_vote),
      .reply = reply_version_};
  auto answer = reply(is_registered                     ? registered_
                      : *membership == Membership::left ? left_
                                                        : removed_,
                      is_registered ? registry.term_key(heartbeat->name) : std::string_view(),
                      heartbeat->service, document.warning);
  if (is_registered) registry.keep(heartbeat->name, std::move(document));
  return answer;
}

ControlResponse HeartbeatApi::take(const wire::RepeatedHeartbeat& heartbeat,
                                   const ControlRequest& request) {
  make_replies();
  const auto [worker, is_news] =
      sources_.registry.repeat(heartbeat, sender_of(request), reply_version_, now());
  if (worker == nullptr) {
    return {.status = wanted_in_full,
            .body = wire::error_document("wanted_in_full",
                                         "what this repeats is not known here: send all of it")};
  }
  if (heartbeat.term > sources_.node.term) sources_.member.report_term(heartbeat.term);
  if (!is_news) return {.status = 204};
  return reply(registered_, worker->term_key, worker->service, worker->document.warning);
}

Registry::Sender HeartbeatApi::sender_of(const ControlRequest& request) const {
  return {request.caller, request.peer, admissions()};
}

ControlResponse HeartbeatApi::reply(std::string text, std::string_view key,
                                    std::string_view service, std::string_view warning) const {
  add(text, "key", key);
  add(text, "checks", sources_.registry.checks(service));
  add(text, "warning", warning);
  return document(std::move(text));
}

void HeartbeatApi::make_replies() {
  const auto& node = sources_.node;
  const auto& masters = sources_.member.reachable_masters();
  const auto interval = sources_.registry.options().heartbeat_interval;
  const bool is_same =
      view_version_ == node.version && masters_ == masters && interval_ == interval;
  if (reply_version_ > 0 && is_same) return;
  ++reply_version_;
  view_version_ = node.version;
  interval_ = interval;
  masters_ = masters;
  wire::HeartbeatReply reply{.node = node.node,
                             .role = node.role,
                             .term = node.term,
                             .primary = node.primary,
                             .interval = interval,
                             .cluster_heartbeat = timing_.heartbeat,
                             .election_timeout = timing_.election_timeout};
  for (const auto& [name, master] : masters) {
    if (!reply.masters.empty()) reply.masters += ' ';
    reply.masters += fmt::format("{}={}", name, master.address.to_string());
  }
  reply.masters_as_of = sources_.member.masters_as_of().value();
  if (reply.masters_as_of > 0) reply.cluster = fmt::format("{}", sources_.member.view().cluster);
  left_ = wire::to_json(reply);
  reply.removed = true;
  removed_ = wire::to_json(reply);
  reply.removed = false;
  reply.registered = reply.takes_repeats = true;
  registered_ = wire::to_json(reply);
}

}  // namespace tandem::master
