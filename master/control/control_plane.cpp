#include "master/control/control_plane.hpp"

#include <pthread.h>

#include <thread>

#include <boost/asio.hpp>
#include <spdlog/spdlog.h>

#include "common/base/assert.hpp"
#include "common/base/clock.hpp"
#include "common/base/duration.hpp"
#include "common/base/locked_directory.hpp"
#include "common/base/name.hpp"
#include "common/base/name_lookups.hpp"
#include "common/base/token_file.hpp"
#include "common/http/api_response.hpp"
#include "common/wire/limits.hpp"
#include "master/cluster/backup.hpp"
#include "master/control/api_router.hpp"
#include "common/http/bearer_token.hpp"
#include "common/http/direct_caller.hpp"
#include "master/control/health_api.hpp"
#include "master/control/heartbeat_api.hpp"
#include "common/http/http_server.hpp"
#include "master/control/control_plane_options.hpp"
#include "master/control/known_masters.hpp"
#include "master/control/masters_api.hpp"
#include "master/control/node_view.hpp"
#include "master/control/own_addresses.hpp"
#include "master/control/pass_on.hpp"
#include "master/control/role_hooks.hpp"
#include "master/control/routes_api.hpp"
#include "master/control/services_api.hpp"
#include "master/control/state_api.hpp"
#include "master/control/status_api.hpp"
#include "master/control/workers_api.hpp"
#include "master/registry/prober.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

constexpr Duration primary_poll = 10ms;
// Longer than the primary itself waits until it may decide and for a commit, because its own answer
// says more than ours.
constexpr Duration decided_wait_max = 1s;
constexpr Duration passed_on_max = decided_wait_max + Duration(limits::commit_wait_max) + 1s;

// Any web page in a browser on this machine can send a POST to a loopback address. Browsers state
// its origin, so that it can be refused.
bool is_from_another_site(const ControlRequest& request) {
  if (request.origin.empty() || request.method == "GET" || request.method == "HEAD") return false;
  return request.origin != fmt::format("http://{}", request.host);
}

// A --backend in the form that the registry expects. Its host may be a name.
Result<wire::WorkerSpec> checked(wire::WorkerSpec backend) {
  if (backend.address.port == 0 || backend.address.is_unspecified()) {
    return invalid(fmt::format("--backend {} is no address that can be connected to",
                               backend.address.to_string()),
                   "--backend");
  }
  auto name = parse_name(backend.name, "--backend");
  if (!name) return name.error();
  return backend;
}

const char* role_of(const cluster::ClusterView& view) {
  if (view.role == core::Role::primary) return "primary";
  return view.primary.empty() ? "candidate" : "standby";
}

}  // namespace

// In the order of construction; the loop is destroyed last, because all others have sockets or
// timers in it.
struct ControlPlane::Parts {
  Parts(const ControlPlaneOptions& options, ServingGate& gate, const ControlPlaneHooks& hooks);

  Result<> open(const ControlPlaneOptions& options);
  Result<> configure(const ControlPlaneOptions& options);
  void look_up(const wire::WorkerSpec& backend);
  NameLookups::Found without_own(const NameLookups::Found& found) const;
  void route();
  void run();
  void tick_at(asio::steady_timer::time_point time);
  void close();
  void saw_view();
  void note_addresses();
  std::map<std::string, cluster::NodeAddresses> masters() const;
  std::string not_ready() const;
  Admission admit(const ControlRequest& request) const;
  asio::awaitable<ControlResponse> answer(const ControlRequest& request);
  asio::awaitable<ControlResponse> ask_primary(const ControlRequest& request);

  asio::io_context loop{1};
  asio::steady_timer tick_timer{loop};
  std::optional<LockedDirectory> directory;
  std::optional<BearerToken> token;
  std::string token_text;  // sent to other masters
  NodeView node;
  ServingGate& gate;
  const ControlPlaneHooks hooks;
  const bool standby_serves;
  const std::string control_name;
  const std::map<core::NodeId, Endpoint> peers;
  const core::Timing timing;
  OwnAddresses own_addresses;
  Registry registry;
  Prober prober;
  HttpCalls calls{loop};  // to other masters
  NameLookups lookups;    // of backends
  std::optional<ClusterMember> member;
  std::optional<DrainedWait> drained;
  RoleHooks role_hooks;
  ApiRouter router;
  HttpServer server;
  std::thread thread;
  Instant
      primary_lost;  // when this node last ceased to know a primary; the boot of the machine: never
  bool closed = false;
};

ControlPlane::Parts::Parts(const ControlPlaneOptions& options, ServingGate& serving_gate,
                           const ControlPlaneHooks& given_hooks)
    : gate(serving_gate),
      hooks(given_hooks),
      standby_serves(options.standby_serves),
      control_name(options.control_name.empty() ? options.control.host : options.control_name),
      peers(options.peers),
      timing(options.timing),
      own_addresses(options.worker_networks),
      registry(
          {.heartbeat_interval = options.worker_heartbeat, .forget_after = options.forget_after},
          {.on_snapshot = hooks.snapshot,
           .on_change =
               [this] {
                 asio::post(loop, [this] {
                   if (!closed) registry.publish();
                 });
               },
           .on_backend = [this](WorkerId id) { prober.watch(id); }}),
      prober(loop, registry),
      role_hooks(
          {.node = options.node, .on_promote = options.on_promote, .on_demote = options.on_demote}),
      server(loop, {.admit = [this](const ControlRequest& request) { return admit(request); }},
             [this](const ControlRequest& request) { return answer(request); }) {
  node.node = options.node;
  node.control = options.control;
  node.listen = options.listen;
}

void ControlPlane::Parts::route() {
  const auto check_address = [this](const Endpoint& address) {
    return own_addresses.check_newcomer(address);
  };
  route_heartbeats(
      router, registry, node, *member, timing, [this](Term term) { member->report_term(term); },
      check_address);
  route_status(router, registry, node, *member, hooks.vips);
  route_roles(router, node, *member);
  route_masters(router, node, *member);
  route_switchover(router, *member);
  route_workers(
      router, registry, [this](Change wanted) { return member->commit(std::move(wanted)); },
      *drained, check_address);
  route_services(router, registry,
                 [this](Change wanted) { return member->commit(std::move(wanted)); });
  route_routes(router, registry,
               [this](Change wanted) { return member->commit(std::move(wanted)); });
  route_state(router, registry, *member);
  route_health(
      router, [this] { return member->failure_kind(); }, [this] { return not_ready(); });
  router.add({.method = "POST",
              .path = cluster::messages_path,
              .access = ApiEndpoint::Access::member,
              .handler = [this](const ControlRequest& request, const std::string&) {
                return member->take_messages(request);
              }});
}

Admission ControlPlane::Parts::admit(const ControlRequest& request) const {
  if (!token) {
    if (auto refused = refuse_indirect(request, control_name)) return {.refusal = refused};
  }
  if (is_from_another_site(request)) return {.refusal = foreign_origin()};
  const auto access = router.access_to(request.path);
  if (access == ApiEndpoint::Access::member) return member->admit(request, token);
  const bool is_known = token && token->admits(request.authorization);
  if (token && !is_known && access != ApiEndpoint::Access::open) {
    return {.refusal = not_authorized()};
  }
  return {.refusal = {}, .trusts = is_known};
}

asio::awaitable<ControlResponse> ControlPlane::Parts::answer(const ControlRequest& request) {
  const bool is_for_primary = router.role_of(request) == ApiEndpoint::Role::primary;
  auto answering = is_for_primary ? ask_primary(request) : router.handle(request);
  co_return co_await std::move(answering);
}

// The primary makes changes; a standby passes them on to it. During an election, or when the known
// primary has just died, the change waits for a primary, limits::takeover_wait_max at most. It also
// waits when the primary cannot decide, because its lease has ended or it has not applied
// everything that others committed. So an answer such as "no such worker" is certain.
asio::awaitable<ControlResponse> ControlPlane::Parts::ask_primary(const ControlRequest& request) {
  asio::steady_timer timer(loop);
  const auto deadline =
      now() + (request.passed_on ? decided_wait_max : Duration(limits::takeover_wait_max));
  for (;;) {
    if (member->may_decide(now())) {
      auto handling = router.handle(request);
      co_return co_await std::move(handling);
    }
    const bool leads = member->is_primary();
    auto why = member->undecided();
    const auto& primary = member->view().primary_addresses;
    const bool waits_for_others = request.passed_on && !leads;
    if (waits_for_others || member->is_stuck()) co_return refusal(why);
    if (primary && !leads) {
      const auto answer_max = passed_on_max + router.wait_of(request);
      auto passing = pass_on(calls, primary->control, request, token_text, answer_max);
      auto answer = co_await std::move(passing);
      if (answer) co_return std::move(*answer);
      why = answer.error();
    }
    if (closed || now() >= deadline) co_return refusal(why);
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
  if (member->is_primary() || passes_on) return {};
  if (primary_lost != Instant() && now() < primary_lost + limits::takeover_wait_max) return {};
  return fmt::format("{} knows no primary", node.node);
}

// Records the addresses of this master and the others, as far as they are known.
void ControlPlane::Parts::note_addresses() {
  std::vector<OwnAddress> own;
  const auto add = [&own](std::string_view which, std::string_view name, const Endpoint& address,
                          bool everywhere) {
    own.push_back({fmt::format("the {} address of {}", which, name), address, everywhere});
  };
  add("control", node.node, node.control, node.control.is_unspecified());
  if (node.listen) add("client", node.node, *node.listen, node.listen->is_unspecified());
  for (const auto& [name, master] : masters()) {
    add("control", name, master.control, master.controls_everywhere);
    if (master.listen) add("client", name, *master.listen, master.listens_everywhere);
  }
  own_addresses.set(std::move(own));
}

// The other masters, at the addresses that they state or that are configured.
std::map<std::string, cluster::NodeAddresses> ControlPlane::Parts::masters() const {
  if (member && !member->view().masters.empty()) return member->view().masters;
  std::map<std::string, cluster::NodeAddresses> configured;
  for (const auto& [peer, control] : peers) {
    configured[std::string(peer.name())].control = control;
  }
  return configured;
}

void ControlPlane::Parts::saw_view() {
  const auto& view = member->view();
  note_addresses();
  if (view.primary.empty() && !node.primary.empty()) primary_lost = now();
  const std::string role = role_of(view);
  const auto primary = view.primary.name();
  if (role == node.role && view.term == node.term && primary == node.primary) return;
  const bool led = node.role == "primary";
  const bool leads = role == "primary";
  const auto term = node.term;
  node.role = role;
  node.term = view.term;
  node.primary = primary;
  ++node.version;
  // If it leads in a later term, it was not primary in between, however short that was.
  if (led && (!leads || view.term != term)) role_hooks.demoted(view.term);
  if (leads && (!led || view.term != term)) role_hooks.promoted(view.term);
}

Result<> ControlPlane::Parts::open(const ControlPlaneOptions& options) {
  if (!options.token_file.empty()) {
    auto text = read_token_file(options.token_file, "--token-file");
    if (!text) return text.error();
    auto loaded = BearerToken::load(options.token_file);
    if (!loaded) return loaded.error();
    token = std::move(*loaded);
    token_text = std::move(*text);
  }
  if (!options.data_dir.empty()) {
    auto opened = LockedDirectory::open(options.data_dir, "--data-dir", "tandem-master");
    if (!opened) return opened.error();
    directory = std::move(*opened);
  }
  if (auto configured = configure(options); !configured) return configured;
  const auto known = known_masters(options, token_text);
  if (!known) return known.error();
  auto cluster = cluster_options(options);
  cluster.peers = known->others;
  cluster.joins = known->joins;
  cluster.token = token_text;
  if (!options.restore.empty()) {
    auto restoration = read_restoration(options.restore, options.features_max);
    if (!restoration) return restoration.error();
    cluster.restoration = std::move(*restoration);
    if (auto possible = cluster.validate(); !possible) return possible;
  }
  member.emplace(loop, registry, gate, std::move(cluster),
                 ClusterMemberHooks{.leadership = hooks.leadership,
                                    .gate = hooks.gate,
                                    .farewell = hooks.farewell,
                                    .farewell_over = hooks.farewell_over,
                                    .view = [this] { saw_view(); },
                                    .fetch_state =
                                        [this](Endpoint primary) {
                                          return fetch_state(calls, std::move(primary), token_text);
                                        }});
  if (auto opened = member->open(); !opened) {
    return fail(opened.error().code, fmt::format("--data-dir: {}", opened.error().message),
                "--data-dir");
  }
  drained.emplace(loop, calls, registry,
                  DrainedWaitOptions{.masters = [this] { return member->others(); },
                                     .token = token_text,
                                     .has_adopted = hooks.has_adopted,
                                     .leads = [this] { return !closed && member->is_primary(); },
                                     .may_answer = [this] { return member->may_decide(now()); }});
  route();
  auto bound = server.listen(options.control);
  if (!bound) {
    return fail(bound.error().code, fmt::format("--control: {}", bound.error().message),
                "--control");
  }
  node.control = *bound;
  note_addresses();
  return {};
}

// Configured workers take precedence over those added through the API.
Result<> ControlPlane::Parts::configure(const ControlPlaneOptions& options) {
  for (const auto& [service, settings] : options.services) {
    registry.configure_settings(service, settings);
  }
  for (const auto& route : options.routes) {
    if (auto configured = registry.configure_route(route); !configured) {
      return invalid(fmt::format("--route: {}", configured.error().message), "--route");
    }
  }
  note_addresses();
  for (const auto& given : options.backends) {
    const auto backend = checked(given);
    if (!backend) return backend.error();
    const bool by_name = !backend->address.is_numeric();
    if (auto free = own_addresses.check(backend->address); !by_name && !free) {
      return invalid(fmt::format("--backend: {}", free.error().message), "--backend");
    }
    if (auto added = registry.configure_backend(*backend, now()); !added) {
      return invalid(fmt::format("--backend: {}", added.error().message), "--backend");
    }
    if (by_name) look_up(*backend);
  }
  return {};
}

void ControlPlane::Parts::look_up(const wire::WorkerSpec& backend) {
  lookups.watch(backend.address, [this, name = backend.name](const NameLookups::Found& found) {
    asio::post(loop, [this, name, found] {
      if (!closed) registry.take_addresses(name, without_own(found));
    });
  });
}

// The current addresses, because masters join and leave.
NameLookups::Found ControlPlane::Parts::without_own(const NameLookups::Found& found) const {
  if (!found) return found;
  std::vector<Endpoint> others;
  Result<> last;
  for (const auto& address : *found) {
    if (const auto free = own_addresses.check(address); free) {
      others.push_back(address);
    } else {
      last = free;
    }
  }
  if (others.empty()) return last.error();
  return others;
}

void ControlPlane::Parts::run() {
  pthread_setname_np(pthread_self(), "control");
  registry.publish();
  server.start();
  tick_at(std::chrono::steady_clock::now() + registry.options().tick_interval());
  loop.run();
}

void ControlPlane::Parts::tick_at(asio::steady_timer::time_point time) {
  tick_timer.expires_at(time);
  tick_timer.async_wait([this, time](boost::system::error_code error) {
    if (error || closed) return;
    const auto instant = now();
    registry.tick(instant);
    member->tick(instant);
    const auto next =
        std::max(time, std::chrono::steady_clock::now()) + registry.options().tick_interval();
    tick_at(next);
  });
}

void ControlPlane::Parts::close() {
  closed = true;
  if (node.role == "primary") role_hooks.demoted(node.term);  // without a successor
  lookups.stop();
  tick_timer.cancel();
  prober.stop();
  calls.cancel();
  member->close();
  server.stop();
}

ControlPlane::ControlPlane(ControlPlaneOptions options, ServingGate& gate, ControlPlaneHooks hooks)
    : options_(std::move(options)), parts_(std::make_unique<Parts>(options_, gate, hooks)) {
  TANDEM_ASSERT(hooks.snapshot != nullptr && hooks.leadership != nullptr);
}

ControlPlane::~ControlPlane() { stop(); }

Result<> ControlPlane::start() {
  TANDEM_ASSERT(!parts_->thread.joinable() && !parts_->closed);
  auto control = resolve(options_.control, "--control");
  if (!control) return control.error();
  options_.control = std::move(*control);
  if (auto valid = options_.validate(); !valid) return valid;
  if (auto opened = parts_->open(options_); !opened) return opened;
  parts_->registry.hand_over();
  parts_->thread = std::thread([parts = parts_.get()] { parts->run(); });
  spdlog::info("control address open node={} address={}", options_.node, address().to_string());
  return {};
}

void ControlPlane::take_part() { parts_->member->start(parts_->node.control); }

Endpoint ControlPlane::address() const { return parts_->node.control; }

void ControlPlane::report_failure(WorkerId id, FailureKind kind) {
  asio::post(parts_->loop, [parts = parts_.get(), id, kind] {
    if (!parts->closed) parts->registry.report_failure(id, kind, now());
  });
}

void ControlPlane::set_draining(bool draining) {
  parts_->node.draining.store(draining, std::memory_order_relaxed);
}

void ControlPlane::report_term(Term term) { parts_->member->report_term(term); }

void ControlPlane::hand_over() { parts_->member->hand_over_and_wait(); }

void ControlPlane::end_at_once() { parts_->role_hooks.end_at_once(); }

void ControlPlane::set_listen(Endpoint listen) {
  parts_->member->set_listen(listen);
  asio::post(parts_->loop, [parts = parts_.get(), listen = std::move(listen)] {
    parts->node.listen = listen;
    parts->note_addresses();
  });
}

// The cluster's thread first: a successor must not be elected while this one may still forward.
void ControlPlane::stop() {
  if (!parts_->thread.joinable()) return;
  parts_->member->stop();
  asio::post(parts_->loop, [parts = parts_.get()] { parts->close(); });
  parts_->thread.join();  // the loop ends by itself once all its coroutines have noticed
}

}  // namespace tandem::master
