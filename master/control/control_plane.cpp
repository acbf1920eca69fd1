#include "master/control/control_plane.hpp"

#include <pthread.h>

#include <thread>

#include <boost/asio.hpp>
#include <spdlog/spdlog.h>

#include "common/base/assert.hpp"
#include "common/base/clock.hpp"
#include "common/base/duration.hpp"
#include "common/base/name.hpp"
#include "master/control/api_response.hpp"
#include "master/control/api_router.hpp"
#include "master/control/bearer_token.hpp"
#include "master/control/health_api.hpp"
#include "master/control/heartbeat_api.hpp"
#include "master/control/http_server.hpp"
#include "master/control/node_view.hpp"
#include "master/control/services_api.hpp"
#include "master/control/status_api.hpp"
#include "master/control/workers_api.hpp"
#include "master/registry/decisions_file.hpp"
#include "master/registry/prober.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

// Any page in a browser on this machine can send a POST to a loopback address. Browsers say where
// it came from, so that it can be refused.
bool is_from_another_site(const ControlRequest& request) {
  if (request.origin.empty() || request.method == "GET" || request.method == "HEAD") return false;
  return request.origin != fmt::format("http://{}", request.host);
}

// A --backend as the registry wants it: with a numeric address.
Result<wire::WorkerSpec> checked(wire::WorkerSpec backend) {
  auto address = resolve(backend.address, "--backend");
  if (!address) return address.error();
  backend.address = std::move(*address);
  if (backend.address.port == 0 || backend.address.is_unspecified()) {
    return invalid(fmt::format("--backend {} is no address that can be connected to",
                               backend.address.to_string()),
                   "--backend");
  }
  auto name = parse_name(backend.name, "--backend");
  if (!name) return name.error();
  return backend;
}

}  // namespace

Result<> ControlPlaneOptions::validate() const {
  if (auto name = parse_name(node, "--node"); !name) return name.error();
  if (!control.is_loopback() && token_file.empty()) {
    return invalid(fmt::format("--control {} can be reached from other machines: give a secret by "
                               "--token-file FILE, or bind a loopback address such as 127.0.0.1:{}",
                               control.to_string(), control.port),
                   "--control");
  }
  if (worker_heartbeat < limits::worker_heartbeat_min ||
      worker_heartbeat > limits::worker_heartbeat_max) {
    return invalid(fmt::format("--worker-heartbeat must be from {} to {}",
                               tandem::to_string(Duration(limits::worker_heartbeat_min)),
                               tandem::to_string(Duration(limits::worker_heartbeat_max))),
                   "--worker-heartbeat");
  }
  return {};
}

// In the order of construction; the loop is destroyed last, for all others have sockets or timers
// in it.
struct ControlPlane::Parts {
  Parts(const ControlPlaneOptions& options, std::function<void(SnapshotPtr)> on_snapshot);

  Result<> open(const ControlPlaneOptions& options);
  Result<> restore(const ControlPlaneOptions& options);
  void run();
  void tick_at(asio::steady_timer::time_point time);
  void close();
  ControlResponse answer(const ControlRequest& request) const;

  asio::io_context loop{1};
  asio::steady_timer tick_timer{loop};
  std::optional<DataDirectory> directory;
  std::optional<BearerToken> token;
  NodeView node;
  Registry registry;
  Prober prober;
  ApiRouter router;
  HttpServer server;
  std::thread thread;
  bool closed = false;
};

ControlPlane::Parts::Parts(const ControlPlaneOptions& options,
                           std::function<void(SnapshotPtr)> on_snapshot)
    : registry(
          {.heartbeat_interval = options.worker_heartbeat, .forget_after = options.forget_after},
          {.on_snapshot = std::move(on_snapshot),
           .on_change =
               [this] {
                 asio::post(loop, [this] {
                   if (!closed) registry.publish();
                 });
               },
           .persist =
               [this](const Decisions& decisions) {
                 return directory ? save_decisions(*directory, decisions) : Result<>();
               },
           .on_backend = [this](WorkerId id) { prober.watch(id); }}),
      prober(loop, registry, options.worker_heartbeat),
      server(loop, {}, [this](const ControlRequest& request) -> asio::awaitable<ControlResponse> {
        co_return answer(request);
      }) {
  node.node = options.node;
  node.listen = options.listen;
  route_heartbeats(router, registry, node);
  route_status(router, registry, node);
  route_workers(router, registry);
  route_services(router, registry);
  route_health(router, node);
}

ControlResponse ControlPlane::Parts::answer(const ControlRequest& request) const {
  if (is_from_another_site(request)) return foreign_origin();
  const bool admitted =
      !token || is_open_to_all(request.path) || token->admits(request.authorization);
  return admitted ? router.handle(request) : not_authorized();
}

Result<> ControlPlane::Parts::open(const ControlPlaneOptions& options) {
  if (!options.token_file.empty()) {
    auto loaded = BearerToken::load(options.token_file);
    if (!loaded) return loaded.error();
    token = std::move(*loaded);
  }
  if (!options.data_dir.empty()) {
    auto opened = DataDirectory::open(options.data_dir);
    if (!opened) return opened.error();
    directory = std::move(*opened);
  }
  if (auto restored = restore(options); !restored) return restored;
  auto bound = server.listen(options.control);
  if (!bound) {
    return fail(bound.error().code, fmt::format("--control: {}", bound.error().message),
                "--control");
  }
  node.control = *bound;
  return {};
}

// Backends first: what is configured goes before what was added through the API.
Result<> ControlPlane::Parts::restore(const ControlPlaneOptions& options) {
  for (const auto& given : options.backends) {
    const auto backend = checked(given);
    if (!backend) return backend.error();
    if (auto added = registry.configure_backend(*backend, now()); !added) {
      return invalid(fmt::format("--backend: {}", added.error().message), "--backend");
    }
  }
  Decisions decisions;
  if (directory) {
    auto loaded = load_decisions(*directory);
    if (!loaded) return loaded.error();
    decisions = std::move(*loaded);
  }
  registry.restore(std::move(decisions), now());
  return {};
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
    registry.tick(now());
    const auto next =
        std::max(time, std::chrono::steady_clock::now()) + registry.options().tick_interval();
    tick_at(next);
  });
}

void ControlPlane::Parts::close() {
  closed = true;
  tick_timer.cancel();
  prober.stop();
  server.stop();
}

ControlPlane::ControlPlane(ControlPlaneOptions options,
                           std::function<void(SnapshotPtr)> on_snapshot)
    : options_(std::move(options)),
      parts_(std::make_unique<Parts>(options_, std::move(on_snapshot))) {}

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

Endpoint ControlPlane::address() const { return parts_->node.control; }

void ControlPlane::report_failure(WorkerId id, FailureKind kind) {
  asio::post(parts_->loop, [parts = parts_.get(), id, kind] {
    if (!parts->closed) parts->registry.report_failure(id, kind, now());
  });
}

void ControlPlane::set_draining(bool draining) {
  parts_->node.draining.store(draining, std::memory_order_relaxed);
}

void ControlPlane::set_listen(Endpoint listen) {
  asio::post(parts_->loop,
             [parts = parts_.get(), listen = std::move(listen)] { parts->node.listen = listen; });
}

void ControlPlane::stop() {
  if (!parts_->thread.joinable()) return;
  asio::post(parts_->loop, [parts = parts_.get()] { parts->close(); });
  parts_->thread.join();  // the loop ends by itself once all that it served has noticed
}

}  // namespace tandem::master
