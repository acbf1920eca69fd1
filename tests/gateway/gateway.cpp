#include "gateway.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "common/base/clock.hpp"

namespace tandem::test {

using namespace tandem::master;

Gateway::Gateway(std::vector<std::uint16_t> worker_ports)
    : Gateway(std::move(worker_ports), Options()) {}

Gateway::Gateway(std::vector<std::uint16_t> worker_ports, Options options) : options_(options) {
  DataPlaneOptions plane;
  plane.via = "tandem-" + options.node;
  plane.listen = {{.endpoint = {"127.0.0.1", 0}}};
  if (options.certificates != nullptr) {
    plane.listen.push_back({.endpoint = {"127.0.0.1", 0}, .tls = true});
  }
  if (options.inner) {
    plane.inner = ListenAddress{
        .endpoint = {"127.0.0.1", 0}, .tls = options.credentials != nullptr, .inner = true};
  }
  plane.certificates = options.certificates;
  plane.http2 = options.http2;
  plane.handshakes_max = options.handshakes_max;
  plane.handshakes_per_client = options.handshakes_per_client;
  plane.threads = options.threads;
  plane.services.policy = options.policy;
  plane.services.slow_start.over = options.slow_start;
  plane.services.breaker = options.breaker;
  plane.rate_limit = options.rate_limit;
  plane.services.sticky = StickyCookie(wire::parse_sticky(options.sticky).value());
  plane.services.requests.timeouts = options.timeouts;
  plane.body_bytes_max = options.body_bytes_max;
  for (const auto& range : options.trusted_proxies) {
    plane.trusted_proxies.push_back(*parse_address_range(range, "trusted proxy"));
  }
  for (const auto& range : options.proxy_protocol) {
    plane.proxy_protocol.push_back(*parse_address_range(range, "load balancer"));
  }
  plane.keeps_underscores = options.keeps_underscores;
  plane.allows_trace = options.allows_trace;
  plane.health_path = options.health_path;
  plane.redirects_to_https = options.redirects_to_https;
  plane.hsts = options.hsts;
  plane.acme_webroot = options.acme_webroot;
  plane.moving_addresses = options.moving_addresses;
  for (const auto& range : options.uncounted_clients) {
    plane.uncounted_clients.push_back(*parse_address_range(range, "uncounted client"));
  }
  plane.client_connections_max = options.client_connections_max;
  plane.connections_per_client = options.connections_per_client;
  plane.memory = options.memory;
  plane.access_log = options.access_log;
  plane.tracer = options.tracer;
  plane.report_failure = [this](WorkerId, FailureKind) {
    const std::lock_guard lock(mutex_);
    ++failures_;
    if (!options_.forgives) return;
    for (const auto& worker : workers_) worker->counters->suspect = false;
  };
  policies_ = plane.policies;
  plane.gate = &gate_;
  plane.pass = options.pass;
  plane.standby_traffic = options.standby_traffic;
  plane.report_term = [this](Term term) {
    const std::lock_guard lock(mutex_);
    terms_.push_back(term.value());
  };
  plane_ = std::make_unique<DataPlane>(std::move(plane));
  const auto started = plane_->start();
  if (!started) throw std::runtime_error(started.error().message);
  lead(1);
  publish(std::move(worker_ports));
}

void Gateway::publish(Leadership leadership) {
  plane_->publish(std::make_shared<const Leadership>(std::move(leadership)));
}

void Gateway::lead(std::uint64_t term) {
  gate_.set_term(Term(term));
  gate_.set_serve_until(Instant::forever());
  Leadership leadership;
  leadership.term = Term(term);
  leadership.is_primary = true;
  leadership.primary = options_.node;
  publish(std::move(leadership));
}

void Gateway::follow(const std::string& primary, std::uint16_t port, const std::string& pass,
                     std::uint64_t term) {
  gate_.set_serve_until(Instant::never());
  Leadership leadership;
  leadership.term = Term(term);
  leadership.primary = primary;
  leadership.primary_listen = Endpoint{"127.0.0.1", port};
  leadership.primary_pass = pass;
  publish(std::move(leadership));
}

void Gateway::follow_inside(const std::string& primary, std::uint16_t inner_port,
                            const std::string& pass) {
  gate_.set_serve_until(Instant::never());
  Leadership leadership;
  leadership.term = Term(2);
  leadership.primary = primary;
  leadership.primary_inner = Endpoint{"127.0.0.1", inner_port};
  leadership.primary_pass = pass;
  if (options_.credentials) {
    leadership.primary_tls = tandem::tls::WorkerTls::to_master(options_.credentials, primary);
  }
  publish(std::move(leadership));
}

void Gateway::believe(std::set<std::string, std::less<>> masters, bool alone) {
  auto access = std::make_shared<InnerAccess>();
  if (options_.credentials) access->credentials = options_.credentials->get();
  access->masters = std::move(masters);
  access->alone = alone;
  plane_->publish(InnerAccessPtr(std::move(access)));
  std::atomic<unsigned> loops{0};
  plane_->on_each_loop([&loops] { ++loops; });
  wait_until([&] { return loops == options_.threads; });
}

void Gateway::know_nobody() {
  gate_.set_serve_until(Instant::never());
  publish(Leadership());
}

std::vector<std::uint64_t> Gateway::reported_terms() const {
  const std::lock_guard lock(mutex_);
  return terms_;
}

std::shared_ptr<SnapshotWorker> Gateway::make_worker(const std::string& service,
                                                     std::uint16_t port) {
  auto worker = std::make_shared<SnapshotWorker>();
  worker->id = WorkerId(++next_id_);
  worker->name = fmt::format("w{}", port);
  worker->service = service;
  worker->address = {"127.0.0.1", port};
  worker->weight = 100;
  worker->connections = options_.connections;
  worker->protocol = options_.workers_speak;
  worker->term_key = options_.workers_accept_terms ? worker_key : "";
  worker->cookie = fmt::format("{:024x}", port);
  worker->counters = std::make_shared<WorkerCounters>();
  return worker;
}

void Gateway::publish(const std::map<std::string, std::uint16_t>& services,
                      const std::vector<std::string>& routes) {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->version = ++version_;
  workers_.clear();
  for (const auto& [name, port] : services) {
    workers_.push_back(make_worker(name, port));
    snapshot->services.push_back(
        std::make_shared<SnapshotService>(SnapshotService{name, {workers_.back()}}));
  }
  Routes table;
  for (const auto& text : routes) {
    auto route = wire::parse_route_flag(text, "--route");
    TANDEM_ASSERT(route.ok());
    table.emplace(RouteKey{route->host, route->prefix}, *route);
  }
  snapshot->routes = std::make_shared<const RouteTable>(table);
  plane_->publish(std::move(snapshot));
}

void Gateway::publish(std::vector<std::uint16_t> worker_ports) {
  const std::lock_guard lock(mutex_);
  const auto before = std::exchange(workers_, {});
  for (const auto port : worker_ports) {
    const auto known = std::find_if(before.begin(), before.end(), [&](const auto& worker) {
      return worker->address.port == port;
    });
    if (known != before.end()) {
      workers_.push_back(*known);
      continue;
    }
    workers_.push_back(make_worker("default", port));
  }
  publish(RouteTablePtr());
}

void Gateway::publish(RouteTablePtr routes, Instant may_return_at) {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->version = ++version_;
  snapshot->services.push_back(
      std::make_shared<SnapshotService>(SnapshotService{.name = "default",
                                                        .workers = workers_,
                                                        .settings = settings_,
                                                        .counters = counters_,
                                                        .may_return_at = may_return_at,
                                                        .tls = worker_tls_}));
  snapshot->routes = std::move(routes);
  plane_->publish(std::move(snapshot));
}

void Gateway::secure_workers(const tandem::tls::WorkerTlsSpec& spec) {
  worker_tls_ = tandem::tls::WorkerTls::load(spec);
  publish(nullptr);
  settle();
}

void Gateway::publish_route(const std::string& prefix, const wire::RequestRules& rules) {
  publish_routes({{prefix, rules}});
}

void Gateway::publish_routes(const std::map<std::string, wire::RequestRules>& rules_by_prefix) {
  Routes routes;
  for (const auto& [prefix, rules] : rules_by_prefix) {
    wire::Route route;
    route.prefix = prefix;
    route.service = "default";
    route.rules = rules;
    routes.emplace(RouteKey{"", prefix}, route);
  }
  publish(std::make_shared<const RouteTable>(routes));
}

void Gateway::settle() {
  wait_until([this] { return plane_->has_adopted(version_); });
}

void Gateway::take_down(std::size_t worker) {
  workers_[worker]->counters->down = true;
  const auto all = workers_;
  workers_.erase(workers_.begin() + static_cast<std::ptrdiff_t>(worker));
  publish(RouteTablePtr());
  workers_ = all;
}

void Gateway::hold_suspect(std::size_t worker, Duration length) {
  const auto all = workers_;
  workers_.erase(workers_.begin() + static_cast<std::ptrdiff_t>(worker));
  publish(RouteTablePtr(), now() + length);
  workers_ = all;
}

void Gateway::hear(std::size_t worker) {
  const std::lock_guard lock(mutex_);
  workers_.at(worker)->counters->suspect = false;
  publish(RouteTablePtr());
}

void Gateway::set(const std::vector<std::string>& settings) {
  auto said = std::make_shared<wire::ServiceSettings>();
  for (const auto& setting : settings) {
    const auto parsed = wire::parse_setting(setting, "setting", *said);
    if (!parsed) throw std::runtime_error(parsed.error().message);
  }
  settings_ = std::move(said);
  const std::lock_guard lock(mutex_);
  publish(RouteTablePtr());
}

void Gateway::set_last_resort(const std::vector<std::size_t>& workers) {
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    auto worker = std::make_shared<SnapshotWorker>(*workers_[i]);
    worker->last_resort = std::find(workers.begin(), workers.end(), i) != workers.end();
    worker->counters->ejected_until = worker->last_resort ? 1 : 0;
    workers_[i] = std::move(worker);
  }
  publish(RouteTablePtr());
}

void Gateway::report_elsewhere(std::size_t worker, unsigned in_flight) {
  workers_[worker]->counters->in_flight_elsewhere = in_flight;
}

Message Gateway::ask(std::string_view request, bool to_head) const {
  auto client = connect();
  client.send(request);
  return read_response(client, to_head);
}

std::size_t Gateway::reported_failures() const {
  const std::lock_guard lock(mutex_);
  return failures_;
}

std::string get(std::string_view target) {
  return fmt::format("GET {} HTTP/1.1\r\nHost: example.org\r\n\r\n", target);
}

void wait_until(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline)
      throw std::runtime_error("what was waited for did not come");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace tandem::test
