// The part of ControlPlane that answers requests: who may ask, who answers.
#include <algorithm>

#include "common/base/clock.hpp"
#include "common/cluster/link_endpoint.hpp"
#include "common/http/api_response.hpp"
#include "common/http/direct_caller.hpp"
#include "common/wire/error_document.hpp"
#include "common/wire/limits.hpp"
#include "master/control/config_api.hpp"
#include "master/control/control_plane_parts.hpp"
#include "master/control/discovery/discovery_api.hpp"
#include "master/control/events_api.hpp"
#include "master/control/health_api.hpp"
#include "master/control/heartbeat_api.hpp"
#include "master/control/latency_api.hpp"
#include "master/control/masters_api.hpp"
#include "master/control/metrics_api.hpp"
#include "master/control/openapi_api.hpp"
#include "master/control/page_api.hpp"
#include "master/control/pass_on.hpp"
#include "master/control/routes_api.hpp"
#include "master/control/services_api.hpp"
#include "master/control/state_api.hpp"
#include "master/control/status_api.hpp"
#include "master/control/workers_api.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

constexpr Duration primary_poll = 10ms;
constexpr Duration adoption_poll = 1ms;
// Longer than the primary waits until it may decide, and for a commit: its own answer says more
// than ours.
constexpr Duration decided_wait_max = 1s;
constexpr Duration passed_on_max = decided_wait_max + Duration(limits::commit_wait_max) + 1s;

bool only_reads(const ControlRequest& request) {
  return request.method == "GET" || request.method == "HEAD";
}

// The caller's token was good enough here: what the primary refuses is this master's.
bool is_about_our_token(const ControlResponse& answer) {
  return answer.status == 401 || answer.status == 403;
}

ControlResponse not_believed(const Endpoint& primary, const ControlResponse& answer) {
  return refusal(fail(ErrorCode::unavailable,
                      fmt::format("the primary at {} does not believe this master's own token: {}; "
                                  "nothing was changed",
                                  primary.to_string(), wire::error_message(answer.body))));
}

}  // namespace

void ControlPlane::Parts::route(const ControlPlaneOptions& options) {
  const auto check_address = [this](const Endpoint& address) {
    return own_addresses.check_newcomer(address);
  };
  heartbeat_api.emplace(
      HeartbeatApi::Sources{registry, node, *member, access, own_addresses, heartbeats}, timing);
  heartbeat_api->route(router);
  const auto seen = status_of(registry, node, *member, access, hooks.upgrade, hooks.vips,
                              [this] { return certificates(); },
                              {.sources = [this] { return discovered->status(now()); },
                               .publications = [this] { return published->status(now()); }});
  const StatusNow status = [this, seen] {
    auto whole = seen();
    whole.refused_reload = refused_reload.empty() ? refused_certificates : refused_reload;
    return whole;
  };
  route_status(router, status, documents);
  route_metrics(router,
                {.status = status,
                 .serves = [this] { return member->may_forward(now()); },
                 .counts = [this] { return counts(); },
                 .traffic = hooks.traffic},
                documents);
  route_latency(router, node.node, hooks.latencies, documents);
  route_events(router, node.node, events, feed);
  route_openapi(router);
  route_page(router, node.node, history, [this] { return pages(); });
  route_certificates(router, hooks.certificates,
                     [this](const ControlRequest& request, const Result<>& outcome) {
                       tell_reload_of_certificates(request, outcome);
                     });
  route_config(router, hooks.config, registry, reloads, AccessControl::author_of);
  route_upgrade(router, hooks.upgrade, upgrades);
  route_roles(router, node, *member);
  route_masters(router, node, *member, options.clear_text());
  route_switchover(router, *member);
  const Commit commit = [this](Change wanted, wire::Author by) {
    return member->commit(std::move(wanted), std::move(by));
  };
  const Withdraw withdraw = [this](Endpoint address) {
    return published->withdraw(std::move(address));
  };
  route_workers(router, registry, commit, *drained, withdraw, documents, check_address);
  route_services(router, registry, commit, queries);
  route_discovery(router, registry, agent->registrations(), queries);
  agent->route(router);
  route_routes(router, registry, commit);
  route_state(router, registry, *member);
  tickets->route(router);
  route_health(
      router, [this] { return member->failure_kind(); }, [this] { return not_ready(); });
  router.add({.method = "POST",
              .path = cluster::messages_path,
              .access = ApiEndpoint::Access::member,
              .handler = [this](const ControlRequest& request, const std::string&) {
                return member->take_messages(request);
              }});
  router.add({.method = "POST",
              .path = cluster::link_path,
              .access = ApiEndpoint::Access::member,
              .handler = [this](const ControlRequest& request, const std::string&) {
                return member->take_link(request);
              }});
}

std::string ControlPlane::Parts::own_origin(std::string_view authority) const {
  return fmt::format("{}://{}", credentials ? "https" : "http", authority);
}

// The pages of this cluster's masters, at the addresses that those state themselves.
std::vector<std::string> ControlPlane::Parts::pages() const {
  std::vector<std::string> origins{own_origin(node.control.to_string())};
  for (const auto& [name, master] : masters()) {
    origins.push_back(own_origin(master.control.to_string()));
  }
  return origins;
}

// A page goes on with another master when its own has died, and so may read the answers to what it
// asks with GET; no other page may, and none may change anything from another origin.
void ControlPlane::Parts::let_pages_read(const ControlRequest& request,
                                         ControlResponse& response) const {
  if (request.origin.empty()) return;
  const auto origins = pages();
  response.fields.emplace_back("Vary", "Origin");
  if (std::find(origins.begin(), origins.end(), request.origin) == origins.end()) return;
  response.fields.emplace_back("Access-Control-Allow-Origin", request.origin);
}

Admission ControlPlane::Parts::admit(const ControlRequest& request) {
  auto admission = admit_caller(request);
  if (admission.refusal) let_pages_read(request, *admission.refusal);
  return admission;
}

Admission ControlPlane::Parts::admit_caller(const ControlRequest& request) {
  if (!access.knows_callers()) {
    if (auto refused = refuse_indirect(request, control_name)) return {.refusal = refused};
  }
  // A browser asks so whether a page may send its token; it tells nothing and changes nothing.
  if (request.method == "OPTIONS" && !request.origin.empty()) {
    return {.refusal =
                ControlResponse{.status = 204,
                                .fields = {{"Access-Control-Allow-Methods", "GET"},
                                           {"Access-Control-Allow-Headers", "Authorization"}}}};
  }
  // Any page in a browser on this machine can send a POST to a loopback address. Browsers say where
  // it came from, so that it can be refused.
  if (!request.origin.empty() && !only_reads(request) &&
      request.origin != own_origin(request.host)) {
    return {.refusal = forbidden("a page of another site cannot change anything on this address")};
  }
  const auto needed = router.access_to(request);
  auto admission = access.admit(request, needed);
  return needed == ApiEndpoint::Access::member ? member->admit(std::move(admission))
                                               : std::move(admission);
}

asio::awaitable<ControlResponse> ControlPlane::Parts::answer(const ControlRequest& request) {
  using Access = ApiEndpoint::Access;
  const bool is_for_primary = router.role_of(request) == ApiEndpoint::Role::primary;
  auto answering = is_for_primary ? ask_primary(request) : router.handle(request);
  auto response = co_await std::move(answering);
  const auto needed = router.access_to(request);
  const bool reads = needed == Access::viewer || needed == Access::viewer_or_worker;
  if (reads || needed == Access::operator_) {
    auto adoption = await_adoption();
    co_await std::move(adoption);
  }
  if (needed == Access::operator_ && router.knows(request)) {
    access.tell_change(request, response, node.role);
    tell_request(request, response);
  }
  // Load balancers need the status; who leads and what fails is for those who may look.
  const bool is_stranger = access.knows_callers() && request.caller == nullptr;
  if (needed == Access::open && is_stranger) response.body = "{}";
  if (only_reads(request)) let_pages_read(request, response);
  co_return response;
}

// What an answer says is in force for requests that start after it: a worker that is "up" gets
// them, one that is drained does not.
asio::awaitable<void> ControlPlane::Parts::await_adoption() {
  registry.publish();
  const auto version = registry.published_version();
  if (!version || !hooks.has_adopted) co_return;
  asio::steady_timer timer(loop);
  const auto deadline = now() + limits::adoption_max;
  while (!closed && !hooks.has_adopted(*version) && now() < deadline) {
    boost::system::error_code ignored;
    timer.expires_after(adoption_poll);
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

// The primary makes changes; a standby passes them on to it. During an election, or when the known
// primary has just died, the change waits for a primary, limits::takeover_wait_max at most. It also
// waits when the primary cannot decide, because its lease has ended or it has not applied
// everything that others committed. So an answer such as "no such worker" is certain. Just after
// the founding, changes of the masters wait until the founding masters are recorded.
asio::awaitable<ControlResponse> ControlPlane::Parts::ask_primary(const ControlRequest& request) {
  const auto originator = AccessControl::on_behalf_of(request);
  asio::steady_timer timer(loop);
  const auto deadline = now() + (request.passed_on ? decided_wait_max : takeover_wait);
  const bool needs_masters = router.needs_masters(request);
  for (;;) {
    const bool decides = member->may_decide(now());
    const bool is_over = closed || now() >= deadline;
    if (decides && (is_over || !needs_masters || !member->is_recording_masters())) {
      auto handling = router.handle(request);
      co_return co_await std::move(handling);
    }
    if (!decides) {
      const bool leads = member->is_primary();
      auto why = member->undecided();
      const auto& primary = member->view().primary_addresses;
      const bool waits_for_others = request.passed_on && !leads;
      if (waits_for_others || member->is_stuck()) co_return refusal(why);
      if (primary && !leads) {
        const auto answer_max = passed_on_max + router.wait_of(request);
        auto passed_on = request;
        passed_on.on_behalf_of = originator;
        auto passing = pass_on(calls, primary->control, passed_on, token, answer_max);
        auto answer = co_await std::move(passing);
        if (answer && is_about_our_token(*answer)) {
          co_return not_believed(primary->control, *answer);
        }
        if (answer) co_return std::move(*answer);
        why = answer.error();
      }
      if (closed || now() >= deadline) co_return refusal(why);
    }
    boost::system::error_code ignored;
    timer.expires_after(primary_poll);
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

// During an election requests wait, up to this time: a load balancer that took all masters out
// because of it would turn a pause into an outage.
std::string ControlPlane::Parts::not_ready() const {
  if (node.draining.load(std::memory_order_relaxed))
    return fmt::format("{} is draining", node.node);
  const auto& view = member->view();
  if (view.ended) return member->undecided().message;
  const bool passes_on = view.primary_addresses && view.primary_addresses->listen;
  if (!member->is_primary() && !standby_serves && !view.primary.empty()) {
    return fmt::format("{} is standby and refuses clients", node.node);
  }
  if (member->is_primary() || passes_on || member->may_forward(now())) return {};
  if (primary_lost != Instant() && now() < primary_lost + takeover_wait) return {};
  return fmt::format("{} knows no primary", node.node);
}

}  // namespace tandem::master
