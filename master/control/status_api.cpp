#include "master/control/status_api.hpp"

#include <boost/asio.hpp>
#include <nlohmann/json.hpp>

#include "common/base/clock.hpp"
#include "common/base/duration.hpp"
#include "common/base/version.hpp"
#include "common/cluster/protection.hpp"
#include "common/http/api_response.hpp"
#include "common/wire/json_reader.hpp"
#include "common/wire/limits.hpp"
#include "common/wire/status.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

std::optional<wire::PrimaryStatus> primary_of(const NodeView& node, const ClusterMember& member) {
  const auto& view = member.view();
  if (view.primary.empty()) return std::nullopt;
  wire::PrimaryStatus primary{
      .node = std::string(view.primary.name()), .control = {}, .listen = {}};
  if (member.is_primary()) {
    primary.control = node.control.to_string();
    if (node.listen) primary.listen = node.listen->to_string();
    if (node.inner) primary.inner = node.inner->to_string();
  } else if (view.primary_addresses) {
    primary.control = view.primary_addresses->control.to_string();
    if (view.primary_addresses->listen)
      primary.listen = view.primary_addresses->listen->to_string();
    if (view.primary_addresses->inner) primary.inner = view.primary_addresses->inner->to_string();
  }
  return primary;
}

wire::VoterStatus status_of(const cluster::VoterView& voter, const cluster::ClusterView& view) {
  wire::VoterStatus status{.name = voter.name,
                           .kind = voter.kind == core::VoterKind::master ? "master" : "witness",
                           .match_index = voter.match};
  if (view.told_by.empty() || voter.unheard) return status;
  const auto commit = view.told_commit.value();
  status.lag = commit - std::min(commit, voter.match.value());
  status.in_sync = *status.lag == 0 && !voter.silent_since;
  if (voter.silent_since) status.silent_ms = to_ms(now() - *voter.silent_since);
  return status;
}

wire::CoordinatorStatus status_of(const cluster::CoordinatorView& coordinator) {
  wire::CoordinatorStatus status{.kind = coordinator.kind,
                                 .endpoints = coordinator.endpoints,
                                 .reachable = !coordinator.unreached_since,
                                 .problem = coordinator.why};
  if (coordinator.unreached_since) {
    status.unreachable_ms = to_ms(now() - *coordinator.unreached_since);
  }
  return status;
}

wire::Status status_of(const Registry& registry, const NodeView& node, const ClusterMember& member,
                       const Vips& vips, const ShownCertificates& certificates) {
  const auto& view = member.view();
  wire::Status status;
  if (view.cluster.value() != 0) status.cluster = fmt::format("{}", view.cluster);
  status.node = node.node;
  status.version = version;
  status.role = node.role;
  status.term = view.term;
  status.protected_ = view.is_protected;
  status.protection = cluster::protection(view, node.node, now());
  status.feature_level = member.feature_level().value();
  status.mode = view.pair ? "pair" : "quorum";
  status.failure = view.failure;
  if (status.failure.empty() && member.is_removed()) {
    status.failure = fmt::format(
        "{} was removed from the masters of this cluster: it passes requests on, and can be "
        "stopped",
        node.node);
  }
  status.primary = primary_of(node, member);
  status.commit_index = view.commit;
  status.applied_index = member.applied();
  status.lag = cluster::lag_of(view);
  status.differing = view.differing;
  status.in_sync = member.is_primary() || member.is_in_sync(now());
  if (const Duration left = member.granted_for(now()); left > Duration::zero()) {
    status.grant_ms = static_cast<std::uint64_t>(to_ms(left));
  }
  status.voters_told_by = view.told_by.name();
  status.voters_committed = view.voters_committed;
  if (const auto* refusals = member.refusals()) {
    status.refused_messages = {.foreign = refusals->foreign,
                               .malformed = refusals->malformed,
                               .unauthorized = refusals->unauthorized};
  }
  if (view.coordinator) status.coordinator = status_of(*view.coordinator);
  for (const auto& voter : view.voters) status.voters.push_back(status_of(voter, view));
  status.without_vote = member.without_vote();
  if (vips) status.vips = vips();
  if (certificates) status.certificates = certificates();
  status.services = registry.service_health();
  return status;
}

// Why this node is not a standby that could take over; empty when it is.
std::string standby_problem(const NodeView& node, const ClusterMember& member) {
  if (node.role != "standby") return fmt::format("{} is {}, not standby", node.node, node.role);
  if (member.is_in_sync(now())) return {};
  const auto& view = member.view();
  const auto heard =
      view.primary_heard == Instant::never()
          ? std::string("the primary was never heard")
          : fmt::format("the primary was heard {} ms ago", to_ms(now() - view.primary_heard));
  const auto lag = cluster::lag_of(view);
  return fmt::format("{} is out of sync: {}{}{}{}", node.node,
                     view.failure.empty() ? "" : view.failure + ", ",
                     lag == 0 ? "" : fmt::format("{} entries behind, ", lag), heard,
                     view.votes         ? ""
                     : view.coordinator ? ", it is not registered yet"
                                        : ", no voter yet");
}

// Why this node may not forward; empty when it may.
std::string primary_problem(const NodeView& node, const ClusterMember& member) {
  if (member.may_serve(now())) return {};
  if (!member.is_primary()) return fmt::format("{} is {}, not primary", node.node, node.role);
  return fmt::format("{} leads, but may not serve at this moment", node.node);
}

ControlResponse role_answer(const NodeView& node, std::string_view role, std::string problem) {
  if (!problem.empty()) return refusal(fail(ErrorCode::unavailable, std::move(problem)));
  return document(
      fmt::format(R"({{"node":"{}","role":"{}","term":{}}})", node.node, role, node.term));
}

Result<std::string> read_target(std::string_view body) {
  std::string to;
  if (body.empty()) return to;
  const auto json = wire::parse_object(body, limits::control_body_bytes_max);
  if (!json) return json.error();
  wire::MemberReader members(*json);
  if (!members.is_null("to")) members.name("to", to);
  if (const auto read = members.finish(wire::UnknownMembers::refuse); !read) return read.error();
  return to;
}

asio::awaitable<ControlResponse> switch_over(ClusterMember& member, Result<std::string> to) {
  if (!to) co_return refusal(to.error());
  auto switching = member.switch_over(*to);
  const auto switched = co_await std::move(switching);
  if (!switched) co_return refusal(switched.error());
  const auto& view = member.view();
  co_return document(fmt::format(R"({{"primary":"{}","term":{}}})", view.primary, view.term));
}

}  // namespace

StatusNow status_of(const Registry& registry, const NodeView& node, const ClusterMember& member,
                    const AccessControl& access, const UpgradeHooks& upgrade, Vips vips,
                    ShownCertificates certificates, Registries registries) {
  return [&registry, &node, &member, &access, &upgrade, vips = std::move(vips),
          certificates = std::move(certificates), registries = std::move(registries)] {
    auto status = status_of(registry, node, member, vips, certificates);
    status.sources = registries.sources();
    status.publications = registries.publications();
    status.refused_requests = access.refused();
    status.credentials = access.credentials();
    if (upgrade.process.pid > 0) status.process = upgrade.process;
    if (upgrade.former) status.former_process = upgrade.former();
    return status;
  };
}

void route_status(ApiRouter& router, StatusNow status, LongDocuments& documents) {
  router.add({.method = "GET",
              .path = "/status",
              .handler = [status = std::move(status), &documents](const ControlRequest&,
                                                                  const std::string&) {
                return documents.write(status, [](const wire::Status& whole) {
                  return document(wire::to_json(whole));
                });
              }});
}

void route_roles(ApiRouter& router, const NodeView& node, const ClusterMember& member) {
  router.add({.method = "GET",
              .path = "/primary",
              .access = ApiEndpoint::Access::open,
              .handler = [&node, &member](const ControlRequest&, const std::string&) {
                return role_answer(node, "primary", primary_problem(node, member));
              }});
  router.add({.method = "GET",
              .path = "/standby",
              .access = ApiEndpoint::Access::open,
              .handler = [&node, &member](const ControlRequest&, const std::string&) {
                return role_answer(node, "standby", standby_problem(node, member));
              }});
}

void route_switchover(ApiRouter& router, ClusterMember& member) {
  router.add({.method = "POST",
              .path = "/v1/switchover",
              .role = ApiEndpoint::Role::primary,
              .handler = [&member](const ControlRequest& request, const std::string&) {
                return switch_over(member, read_target(request.body));
              }});
}

}  // namespace tandem::master
