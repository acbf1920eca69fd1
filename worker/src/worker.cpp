// A ConnectionServer and a Registration, started and stopped in the right order.
#include "tandem/worker.hpp"

#include <unistd.h>

#include <algorithm>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "common/base/endpoint.hpp"
#include "common/base/limits.hpp"
#include "common/base/mutex.hpp"
#include "common/base/name.hpp"
#include "common/wire/limits.hpp"
#include "worker/src/certificate.hpp"
#include "worker/src/connection_server.hpp"
#include "worker/src/limits.hpp"
#include "worker/src/master_roll.hpp"
#include "worker/src/term_fence.hpp"

namespace tandem {

namespace {

// The machine's name and the port: readable, and unique in most clusters.
std::string default_name(std::uint16_t port) {
  char host[HOST_NAME_MAX + 1] = {};
  if (::gethostname(host, sizeof host - 1) != 0) host[0] = '\0';
  const auto suffix = fmt::format("-{}", port);
  std::string name;
  for (const char c : std::string_view(host)) {
    if (name.size() + suffix.size() < limits::name_bytes_max) {
      name += is_name(std::string_view(&c, 1)) ? c : '-';
    }
  }
  return (name.empty() ? "worker" : name) + suffix;
}

}  // namespace

class Worker::Body {
 public:
  explicit Body(WorkerOptions options) : options_(std::move(options)), name_(options_.name) {
    server_.before_request([this](const httplib::Request& request, httplib::Response& response) {
      return fence_.answers(request, response);
    });
  }

  httplib::Server& server() { return server_; }
  void before_request(ConnectionServer::Hook hook) { server_.before_request(std::move(hook)); }

  Result<> start() {
    const Lock lock(mutex_);
    if (started_ || stopped_) return fail(ErrorCode::conflict, "a worker is started once");
    started_ = true;
    if (options_.connections < 1 || options_.connections > limits::worker_connections_max) {
      return invalid(fmt::format("connections must be 1 to {}", limits::worker_connections_max));
    }
    auto listen = parse_endpoint(options_.listen, "listen");
    if (!listen.ok()) return listen.error();
    auto numeric = resolve(*listen, "listen");
    if (!numeric.ok()) return numeric.error();
    if (auto secured = secure_server(); !secured) return secured;
    auto opened = open_server(*numeric);
    if (!opened.ok()) return opened.error();
    address_ = std::move(*opened);
    if (name_.empty()) name_ = default_name(address_.port);
    return start_registration();
  }

  std::optional<std::string> reload_secrets() {
    const Lock lock(mutex_);
    if (!registration_) return std::nullopt;
    auto next = load_credentials_again(options_.cluster, name_, credentials_);
    if (!next) return next.error().message;
    if (auto refused = registration_->reload_secrets()) return refused;
    if (credentials_ != nullptr) credentials_->set(std::move(*next));
    return std::nullopt;
  }

  void drain() {
    const Lock lock(mutex_);
    if (registration_) registration_->set_condition(Condition::draining);
  }

  void stop() {
    const Lock lock(stop_mutex_);
    Registration* registration = nullptr;  // start() makes it, and nobody replaces it
    {
      const Lock state_lock(mutex_);
      if (std::exchange(stopped_, true)) return;
      if (registration_) registration = &*registration_;
    }
    if (registration != nullptr) {
      registration->stop();
      // A master may have chosen this worker just before it heard the bye: wait for that request.
      if (!options_.masters.empty()) std::this_thread::sleep_for(limits::bye_grace);
    }
    server_.stop(options_.drain_timeout);
  }

  std::string name() const {
    const Lock lock(mutex_);
    return name_;
  }
  std::string address() const {
    const Lock lock(mutex_);
    return address_.host.empty() ? "" : address_.to_string();
  }
  unsigned in_flight() const { return server_.requests_in_flight(); }
  std::uint64_t turns() { return server_.turns(); }
  std::vector<MasterState> masters() const {
    const Lock lock(mutex_);
    return registration_ ? registration_->masters() : std::vector<MasterState>{};
  }

 private:
  // Each master may open as many connections as advertised: a primary that was frozen or cut off
  // keeps its own open while the next one needs as many, and so does one that is being upgraded. A
  // single master that is named here names the others. Before a master has sent a key, callers
  // cannot be told apart.
  Result<Endpoint> open_server(const Endpoint& address) {
    if (options_.masters.empty()) {
      return server_.open(address, options_.connections + limits::direct_connections);
    }
    const auto masters = std::max(static_cast<unsigned>(options_.masters.size()), 2U) + 1;
    server_.reserve(options_.connections * masters, [this](const httplib::Request& request) {
      return fence_.is_proven(request) || !fence_.has_keys();
    });
    return server_.open(address, limits::direct_connections);
  }

  Result<> secure_server() TANDEM_REQUIRES(mutex_) {
    name_ = name_by_certificate(options_.cluster, name_);
    auto loaded = load_credentials(options_.cluster, name_, tls::OutOfTime::accepted);
    if (!loaded) return loaded.error();
    if (*loaded == nullptr) return {};
    credentials_ = std::make_shared<tls::CurrentCredentials>(std::move(*loaded));
    server_.secure(credentials_, [this](const std::string& master) { return roll_.has(master); });
    return {};
  }

  Result<> start_registration() TANDEM_REQUIRES(mutex_) {
    RegistrationOptions registration;
    registration.name = name_;
    registration.service = options_.service;
    registration.masters = options_.masters;
    registration.address = address_.to_string();
    if (!options_.advertise.empty()) registration.address = options_.advertise;
    registration.weight = options_.weight;
    registration.connections = options_.connections;
    registration.protocol = Protocol::http1;
    registration.heartbeat_interval = options_.heartbeat_interval;
    registration.in_flight = [this] { return in_flight(); };
    registration.token_file = options_.token_file;
    registration.cluster = options_.cluster;
    registration.insecure_network = options_.insecure_network;
    registration.serves_tls = credentials_ != nullptr;
    registration.state_dir = options_.state_dir;
    registration.witness_listen = options_.witness_listen;
    registration.take_keys = [this](const auto& keys) { fence_.take_keys(keys); };
    registration.promised_term = [this](const auto& key) { return fence_.promised(key).value(); };
    registration.on_masters = [this](const auto& names) { roll_.take(names); };
    registration.on_removed = options_.on_removed;
    registration.log = options_.log;
    registration_.emplace(std::move(registration));
    if (auto error = registration_->start()) return fail(ErrorCode::invalid, std::move(*error));
    return {};
  }

  void ask_for_masters() {
    const Lock lock(mutex_);
    if (registration_) registration_->send_now();
  }

  TermFence fence_;
  MasterRoll roll_{[this] { ask_for_masters(); }};
  ConnectionServer server_;
  const WorkerOptions options_;
  Mutex stop_mutex_;  // held while stopping; taken before mutex_
  mutable Mutex mutex_;
  std::string name_ TANDEM_GUARDED_BY(mutex_);
  Endpoint address_ TANDEM_GUARDED_BY(mutex_);
  tls::CurrentCredentialsPtr credentials_ TANDEM_GUARDED_BY(mutex_);  // null: in clear
  std::optional<Registration> registration_ TANDEM_GUARDED_BY(mutex_);
  bool started_ TANDEM_GUARDED_BY(mutex_) = false;
  bool stopped_ TANDEM_GUARDED_BY(mutex_) = false;
};

Worker::Worker(WorkerOptions options) : body_(std::make_unique<Body>(std::move(options))) {}
Worker::~Worker() { stop(); }

httplib::Server& Worker::routes() { return body_->server(); }

void Worker::before_request(std::function<bool(const httplib::Request&, httplib::Response&)> hook) {
  body_->before_request(std::move(hook));
}

std::optional<std::string> Worker::start() {
  const auto started = body_->start();
  if (started.ok()) return std::nullopt;
  body_->stop();
  return started.error().message;
}

std::optional<std::string> Worker::reload_secrets() { return body_->reload_secrets(); }
void Worker::drain() { body_->drain(); }
void Worker::stop() { body_->stop(); }
std::string Worker::name() const { return body_->name(); }
std::string Worker::address() const { return body_->address(); }
unsigned Worker::in_flight() const { return body_->in_flight(); }
std::uint64_t Worker::turns() { return body_->turns(); }
std::vector<MasterState> Worker::masters() const { return body_->masters(); }

}  // namespace tandem
