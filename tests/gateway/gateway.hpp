// gateway.hpp: a real data plane on a free port, in front of the test's origins.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "common/tls/worker_tls.hpp"
#include "master/forward/plane/data_plane.hpp"
#include "master/forward/plane/limits.hpp"
#include "origin.hpp"

namespace tandem::test {

// The key of each worker that accepts terms.
inline constexpr const char* worker_key = "key";

class Gateway {
 public:
  struct Options {
    unsigned threads = 1;
    unsigned connections = 1024;  // of each worker
    wire::PolicySpec policy{};
    std::string sticky{};  // as --sticky has it
    Duration slow_start = std::chrono::seconds(10);
    master::CircuitBreaker breaker{};
    master::RateLimit rate_limit{};
    bool forgives = false;  // a suspect is usable again at once, as after a heartbeat
    master::ForwardTimeouts timeouts{};
    std::uint64_t body_bytes_max = 0;
    std::size_t client_connections_max = tandem::limits::client_connections_max;
    unsigned connections_per_client = 0;  // 0: any
    std::vector<std::string> uncounted_clients{};
    std::size_t memory = 0;  // 0: any
    std::vector<std::string> trusted_proxies{};
    std::vector<std::string> proxy_protocol{};
    bool keeps_underscores = false;
    bool allows_trace = false;
    master::AccessLog* access_log = nullptr;
    master::Tracer* tracer = nullptr;
    std::string node = "test";
    std::string pass{};
    master::StandbyTraffic standby_traffic = master::StandbyTraffic::forward;
    std::string health_path{};
    bool redirects_to_https = false;
    std::string acme_webroot{};
    std::string hsts{};
    std::vector<std::string> moving_addresses{};
    bool workers_accept_terms = false;
    std::optional<wire::WorkerProtocol> workers_speak{};  // as they say themselves
    master::tls::CertificateSetPtr certificates{};        // null: nobody speaks TLS
    // It has an inner address, where TLS is spoken if there are credentials. Nobody is believed
    // there until believe() says so.
    bool inner = false;
    tandem::tls::CurrentCredentialsPtr credentials{};
    bool http2 = true;
    std::size_t handshakes_max = tandem::limits::handshakes_max;
    unsigned handshakes_per_client = tandem::limits::handshakes_per_client_max;
  };

  explicit Gateway(std::vector<std::uint16_t> worker_ports);
  Gateway(std::vector<std::uint16_t> worker_ports, Options options);

  std::uint16_t port() const { return plane_->address(false)->port; }
  // REQUIRES: there are certificates
  std::uint16_t tls_port() const { return plane_->address(true)->port; }
  // REQUIRES: options.inner
  std::uint16_t inner_port() const { return plane_->inner_address()->port; }
  RawSocket connect() const { return RawSocket::connect(port()); }
  // Sends `request` on a new connection and reads one response.
  Message ask(std::string_view request, bool to_head = false) const;
  // Another set of workers, from now on; one whose port was there before stays the same worker.
  void publish(std::vector<std::uint16_t> worker_ports);
  // One worker for each service, and routes as --route has them, from now on.
  void publish(const std::map<std::string, std::uint16_t>& services,
               const std::vector<std::string>& routes);
  // The same workers, and a route to them all with those rules.
  void publish_route(const std::string& prefix, const wire::RequestRules& rules);
  void publish_routes(const std::map<std::string, wire::RequestRules>& rules_by_prefix);
  // Returns once the loops go by what was published last.
  void settle();
  // The registry finds that worker down: it leaves the snapshot, not the fixture.
  void take_down(std::size_t worker);
  // The registry holds that worker as a suspect for so long: it leaves the snapshot, not the
  // fixture.
  void hold_suspect(std::size_t worker, Duration length);
  // The registry has heard from that worker: it is no suspect.
  void hear(std::size_t worker);
  // What is said of the default service, from now on, each KEY=VALUE.
  void set(const std::vector<std::string>& settings);
  // Workers are spoken to over TLS from now on.
  void secure_workers(const tandem::tls::WorkerTlsSpec& spec);
  // These are out for their health from now on, and no others, as the registry tells it in a panic.
  void set_last_resort(const std::vector<std::size_t>& workers);
  // The worker's heartbeats say that it works on so many requests of others.
  void report_elsewhere(std::size_t worker, unsigned in_flight);
  // A gateway leads in term 1 from its start; these change that.
  void lead(std::uint64_t term);  // opens the gate as well
  void follow(const std::string& primary, std::uint16_t port, const std::string& pass,
              std::uint64_t term = 2);  // closes it
  // Requests are passed on to the primary's inner address, over TLS if there are credentials.
  void follow_inside(const std::string& primary, std::uint16_t inner_port, const std::string& pass);
  void know_nobody();  // closes it
  // The other masters of the cluster; `alone`: all know of inner addresses. Returns once the loops
  // go by it.
  void believe(std::set<std::string, std::less<>> masters, bool alone);
  master::ServingGate& gate() { return gate_; }
  void publish(master::Leadership leadership);
  // Terms that workers had promised, as they were reported.
  std::vector<std::uint64_t> reported_terms() const;
  master::DataPlane& plane() { return *plane_; }
  // Until then keys of consistent_hash are placed otherwise. REQUIRES: what was published has
  // arrived.
  void finish_tables() { policies_->finish_tables(); }
  const master::WorkerCounters& counters(std::size_t worker) const {
    return *workers_[worker]->counters;
  }
  // Requests that wait for room at the default service.
  unsigned waiting() const { return counters_->waiting; }
  // Failures that were reported to the registry.
  std::size_t reported_failures() const;

 private:
  Options options_;
  mutable std::mutex mutex_;
  std::size_t failures_ = 0;
  std::vector<std::uint64_t> terms_;
  master::ServingGate gate_;
  std::uint64_t next_id_ = 0;
  std::uint64_t version_ = 0;
  std::shared_ptr<master::SnapshotWorker> make_worker(const std::string& service,
                                                      std::uint16_t port);
  std::vector<std::shared_ptr<const master::SnapshotWorker>> workers_;
  void publish(master::RouteTablePtr routes, Instant may_return_at = Instant::forever());
  std::shared_ptr<const wire::ServiceSettings> settings_;
  tandem::tls::WorkerTlsPtr worker_tls_;
  std::shared_ptr<master::ServiceCounters> counters_ = std::make_shared<master::ServiceCounters>();
  std::shared_ptr<master::PolicyFactory> policies_;
  std::unique_ptr<master::DataPlane> plane_;
};

// A GET of that target, with Host, on a connection that stays open.
std::string get(std::string_view target);

// Returns once the condition holds; throws when it does not within ten seconds.
void wait_until(const std::function<bool()>& condition);

}  // namespace tandem::test
