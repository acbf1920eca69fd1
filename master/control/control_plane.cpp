#include "master/control/control_plane.hpp"

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include <boost/asio.hpp>

#include "common/base/assert.hpp"
#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "common/base/name.hpp"
#include "master/cluster/backup.hpp"
#include "master/control/control_plane_options.hpp"
#include "master/control/control_plane_parts.hpp"
#include "master/control/discovery/registered_place.hpp"
#include "master/control/known_masters.hpp"
#include "master/control/limits.hpp"
#include "master/control/state_api.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

// Between two snapshots, in times that the last one took; and at most.
constexpr int publish_pauses = 9;
constexpr Duration publish_pause_max = 50ms;

const char* role_of(const cluster::ClusterView& view) {
  if (view.role == core::Role::primary) return "primary";
  return view.primary.empty() ? "candidate" : "standby";
}

}  // namespace

ControlPlane::Parts::Parts(const ControlPlaneOptions& options, ServingGate& serving_gate,
                           const ControlPlaneHooks& given_hooks)
    : events(options.node, [this] { feed.notify(); }),
      view_events(options.node),
      credentials(options.cluster_files.is_given()
                      ? std::make_shared<tls::CurrentCredentials>(nullptr)
                      : nullptr),
      certificate_file(options.cluster_files.certificate),
      gate(serving_gate),
      hooks(given_hooks),
      standby_serves(options.standby_serves),
      takeover_wait(options.takeover_wait),
      configured_control(options.control),
      control_name(options.control_name.empty() ? options.control.host : options.control_name),
      peers(options.peers),
      timing(options.timing),
      own_addresses(options.worker_networks),
      registry(
          {.heartbeat_interval = options.worker_heartbeat, .forget_after = options.forget_after},
          {.on_snapshot =
               [this](SnapshotPtr snapshot) {
                 const auto version = snapshot->version;
                 if (published) published->saw(snapshot);
                 hooks.snapshot(std::move(snapshot));
                 queries.notify(version);
               },
           .on_change = [this] { publish_soon(); },
           .on_backend = [this](WorkerId id) { prober.watch(id); },
           .on_state = [this](const WorkerRecord& record,
                              WorkerState before) { saw_state(record, before); }}),
      prober(loop, registry),
      role_hooks(options.node, {.on_promote = options.on_promote, .on_demote = options.on_demote}),
      server(loop,
             {.credentials = credentials,
              .admit = [this](const ControlRequest& request) { return admit(request); },
              .at_once = {.admissions = [this] { return heartbeat_api->admissions(); },
                          .answer =
                              [this](const ControlRequest& request) {
                                return heartbeat_api->answer(request);
                              }}},
             [this](const ControlRequest& request) { return answer(request); }) {
  node.node = options.node;
  node.control = options.control;
  node.listen = options.listen;
}

// Records the addresses of this master and the others, as far as they are known.
void ControlPlane::Parts::note_addresses() {
  std::vector<OwnAddress> own;
  const auto add = [&own](std::string_view which, std::string_view name, const Endpoint& address,
                          bool everywhere) {
    own.push_back({fmt::format("the {} address of {}", which, name), address, everywhere});
  };
  add("control", node.node, node.control, node.control.is_unspecified());
  for (const auto& left : server.addresses()) {
    if (left != node.control) add("control", node.node, left, left.is_unspecified());
  }
  if (node.listen) add("client", node.node, *node.listen, node.listen->is_unspecified());
  if (node.inner) add("inner", node.node, *node.inner, node.inner->is_unspecified());
  for (const auto& [name, master] : masters()) {
    add("control", name, master.control, master.controls_everywhere);
    if (master.listen) add("client", name, *master.listen, master.listens_everywhere);
    if (master.inner) add("inner", name, *master.inner, false);
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
  for (auto& event : view_events.next(view, role, now())) {
    events.record(view.term, std::move(event));
  }
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

void ControlPlane::Parts::take(const Secrets& secrets) {
  for (const auto& warning : secrets.warnings) log::warn("{}", warning);
  access.set(secrets.credentials);
  token = secrets.token;
  if (member) member->set_token(token);
  feed.end_all();  // who may no longer read does not come again
}

Result<> ControlPlane::Parts::open(const ControlPlaneOptions& options) {
  if (auto read = read_credentials(options); !read) return read;
  using Clear = Registry::ClearWorkers;
  registry.use_certificates(credentials,
                            options.insecure_network ? Clear::allowed : Clear::refused);
  const auto secrets = read_secrets(options);
  if (!secrets) return secrets.error();
  take(*secrets);
  if (!options.data_dir.empty()) {
    auto opened = LockedDirectory::open(options.data_dir, "--data-dir", "tandem-master");
    if (!opened) return opened.error();
    directory = std::move(*opened);
    open_event_times(options.data_dir);
  }
  if (auto configured = configure(options); !configured) return configured;
  access.ask_who_belongs([this](const std::string& master) {
    return !member || member->masters().empty() || member->masters().contains(master);
  });
  const auto known =
      options.coordinator ? KnownMasters() : known_masters(options, token, credentials);
  if (!known) return known.error();
  if (access.asks_for_tokens() && token.empty() && !credentials && !known->others.empty()) {
    log::warn(
        "this master has nothing to present to the others: give it a token of its own by "
        "--token-file");
  }
  auto cluster = cluster_options(options);
  cluster.peers = known->others;
  cluster.joins = known->joins;
  cluster.token = token;
  cluster.credentials = credentials;
  if (!options.restore.empty()) {
    auto restoration = read_restoration(options.restore, options.features_max);
    if (!restoration) return restoration.error();
    cluster.restoration = std::move(*restoration);
    if (auto possible = cluster.validate(); !possible) return possible;
  }
  member.emplace(
      loop, registry, gate, std::move(cluster),
      ClusterMemberHooks{
          .leadership = hooks.leadership,
          .gate = hooks.gate,
          .farewell = hooks.farewell,
          .farewell_over = hooks.farewell_over,
          .view =
              [this] {
                saw_view();
                tell_standing();
              },
          .change = [this](
                        const core::Entry& entry, const AuthoredChange& authored,
                        const ClusterState& state) { return watch_change(entry, authored, state); },
          .has_adopted = hooks.has_adopted,
          .fetch_state =
              [this](Endpoint primary) { return fetch_state(calls, std::move(primary), token); }},
      options.coordinator);
  if (auto opened = member->open(); !opened) {
    return fail(opened.error().code, fmt::format("--data-dir: {}", opened.error().message),
                "--data-dir");
  }
  member->set_serves(options.serves_under_grants);
  events.begins_after({member->applied_term(), member->applied()});
  drained.emplace(loop, calls, registry,
                  DrainedWaitOptions{.masters = [this] { return member->others(); },
                                     .token = [this] { return token; },
                                     .has_adopted = hooks.has_adopted,
                                     .leads = [this] { return !closed && member->is_primary(); },
                                     .may_answer = [this] { return member->may_decide(now()); }});
  tickets.emplace(
      loop, calls, registry, *member, options.node, [this] { return token; }, hooks.tickets);
  open_agent(options);
  open_discovery(options);
  open_publication(options);
  route(options);
  auto bound = server.listen(options.control);
  if (!bound) {
    return fail(bound.error().code, fmt::format("--control: {}", bound.error().message),
                "--control");
  }
  node.control = *bound;
  note_addresses();
  return {};
}

void ControlPlane::Parts::open_agent(const ControlPlaneOptions& options) {
  agent.emplace(Agent::Sources{.loop = loop,
                               .disk = reloads,
                               .calls = calls,
                               .registry = registry,
                               .access = access,
                               .own_addresses = own_addresses,
                               .queries = queries,
                               .node = node.node,
                               .data_dir = options.data_dir,
                               .others =
                                   [this] {
                                     std::map<std::string, Endpoint> others;
                                     for (const auto& [name, control] : member->others()) {
                                       others.emplace(name.name(), control);
                                     }
                                     return others;
                                   },
                               .token = [this] { return token; },
                               .leads = [this] { return member->may_decide(now()); },
                               .primary =
                                   [this] {
                                     const auto& primary = member->view().primary_addresses;
                                     if (member->is_primary()) return node.control.to_string();
                                     return primary ? primary->control.to_string() : std::string();
                                   }});
  agent->open(now());
}

void ControlPlane::Parts::open_discovery(const ControlPlaneOptions& options) {
  discovered.emplace(
      DiscoveredWorkers::Sources{.loop = loop,
                                 .registry = registry,
                                 .own_addresses = own_addresses,
                                 .data_dir = options.data_dir,
                                 .is_alone =
                                     [this] {
                                       std::map<std::string, Endpoint> others;
                                       for (const auto& [name, master] : masters())
                                         others.emplace(name, master.control);
                                       return all_of_this_machine(others);
                                     },
                                 .record = [this](Event event) { record(std::move(event)); }});
  discovered->set(options.sources, now());
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
    access.tick();
    tell_inner_access();
    warn_of_certificate();
    if (hooks.certificates.tick) hooks.certificates.tick();
    tickets->tick(instant);
    agent->tick(instant);
    published->tick(instant);
    if (hooks.turn) hooks.turn(instant);
    if (instant >= second + 1s) {
      second = instant;
      note_second();
      tend_control(instant);
    }
    const auto next =
        std::max(time, std::chrono::steady_clock::now()) + registry.options().tick_interval();
    tick_at(next);
  });
}

// A snapshot of thousands of workers takes a millisecond to make, and when all of them return at
// once there is something new all the time: then no more than a tenth of the time is spent on it.
void ControlPlane::Parts::publish_soon() {
  publish_timer.expires_at(publish_not_before);
  publish_timer.async_wait([this](boost::system::error_code error) {
    if (error || closed) return;
    const auto begin = std::chrono::steady_clock::now();
    registry.publish();
    const auto end = std::chrono::steady_clock::now();
    const auto pause = std::min<Duration>(publish_pauses * (end - begin), publish_pause_max);
    publish_not_before = end + pause;
  });
}

void ControlPlane::Parts::close() {
  closed = true;
  keep_event_times();
  if (node.role == "primary" && !keeps_role) role_hooks.demoted(node.term);  // without a successor
  feed.end_all();
  documents.stop();
  queries.stop();
  agent->stop();
  discovered->stop();
  // A successor holds them from now on, if there is one.
  published->stop(member->others().empty() && !keeps_role ? Publication::Entries::are_withdrawn
                                                          : Publication::Entries::stay);
  lookups.stop();
  tick_timer.cancel();
  publish_timer.cancel();
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
  log::info("control address open node={} address={}", options_.node, address().to_string());
  return {};
}

void ControlPlane::take_part() { parts_->member->start(parts_->node.control); }

Endpoint ControlPlane::address() const { return parts_->node.control; }

const std::vector<ApiEndpoint>& ControlPlane::endpoints() const {
  return parts_->router.endpoints();
}

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

void ControlPlane::end_at_once() {
  if (!parts_->keeps_role) parts_->role_hooks.end_at_once();
}

void ControlPlane::set_listen(std::optional<Endpoint> listen) {
  parts_->member->set_listen(listen);
  asio::post(parts_->loop, [parts = parts_.get(), listen = std::move(listen)] {
    parts->node.listen = listen;
    parts->note_addresses();
  });
}

void ControlPlane::set_inner(const Endpoint& inner) {
  parts_->member->set_inner(inner);
  asio::post(parts_->loop, [parts = parts_.get(), inner] {
    parts->node.inner = inner;
    parts->note_addresses();
    parts->tell_inner_access();
  });
}

// One of a pair that leads alone counts on no vote but its own, and after a restart it would have
// to wait for the other.
std::string ControlPlane::why_no_restart() {
  std::promise<std::string> why;
  auto awaited = why.get_future();
  asio::post(parts_->loop, [parts = parts_.get(), &why] {
    const auto& view = parts->member->view();
    std::string silent;
    for (const auto& voter : view.voters) {
      const bool is_other = voter.name != parts->node.node;
      if (is_other && (voter.silent_since || voter.unheard)) silent = voter.name;
    }
    const bool is_alone = parts->member->is_primary() && view.pair && !silent.empty();
    const bool may_hand_over = view.failure.empty() && !view.masters.empty();
    if (view.coordinator && parts->member->is_primary() && !may_hand_over) {
      return why.set_value(
          "this master leads by a lease in etcd, which another process cannot take over, and no "
          "other master can lead meanwhile: restart it");
    }
    why.set_value(is_alone ? fmt::format("{} does not answer, and without it this master could not "
                                         "lead again",
                                         silent)
                           : std::string());
  });
  return awaited.get();
}

unsigned ControlPlane::feature_level() {
  std::promise<unsigned> level;
  auto awaited = level.get_future();
  asio::post(parts_->loop, [parts = parts_.get(), &level] {
    level.set_value(static_cast<unsigned>(parts->member->feature_level().value()));
  });
  return awaited.get();
}

Result<InheritedSockets> ControlPlane::listening_socket() {
  std::promise<InheritedSockets> listening;
  auto awaited = listening.get_future();
  asio::post(parts_->loop, [parts = parts_.get(), &listening] {
    listening.set_value({.flag = "--control",
                         .wanted = parts->configured_control,
                         .bound = parts->node.control,
                         .sockets = {parts->server.duplicate_listener()}});
  });
  auto sockets = awaited.get();
  if (sockets.sockets.front() >= 0) return sockets;
  return fail(ErrorCode::io, "--control: the socket cannot be duplicated");
}

void ControlPlane::release() {
  if (!parts_->thread.joinable()) return;
  const auto deadline = now() + limits::control_retire_max;
  std::atomic<bool> is_over{false};
  const auto look = [parts = parts_.get(), &is_over] {
    parts->server.retire();
    is_over.store(parts->server.connections() == 0, std::memory_order_release);
  };
  while (!is_over.load(std::memory_order_acquire) && now() < deadline) {
    std::promise<void> looked;
    auto awaited = looked.get_future();
    asio::post(parts_->loop, [&] {
      look();
      looked.set_value();
    });
    awaited.wait();
    if (!is_over) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  parts_->keeps_role = true;
  parts_->member->stop(ClusterMember::Gate::left);
  asio::post(parts_->loop, [parts = parts_.get()] { parts->close(); });
  parts_->thread.join();
  parts_->member->let_directory_go();
  parts_->directory.reset();
}

// The cluster's thread first: a successor must not be elected while this one may still forward.
void ControlPlane::stop() {
  if (!parts_->thread.joinable()) return;
  parts_->member->stop();
  asio::post(parts_->loop, [parts = parts_.get()] { parts->close(); });
  parts_->thread.join();  // the loop ends by itself once all its coroutines have noticed
}

}  // namespace tandem::master
