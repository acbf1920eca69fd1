#include "master/forward/loop.hpp"

#include <pthread.h>
#include <unistd.h>

#include <random>

#include <fmt/format.h>

#include "common/base/clock.hpp"
#include "common/base/limits.hpp"
#include "master/forward/access_log.hpp"
#include "master/forward/client_session.hpp"
#include "master/forward/connection_test.hpp"
#include "master/forward/listener.hpp"
#include "master/forward/primary_route.hpp"

namespace tandem::master {

namespace {

// A socket that nobody serves yet: closed when nobody ever does.
class HeldSocket {
 public:
  explicit HeldSocket(int socket) : socket_(socket) {}
  HeldSocket(HeldSocket&& other) noexcept : socket_(other.release()) {}
  ~HeldSocket() {
    if (socket_ >= 0) ::close(socket_);
  }
  int release() { return std::exchange(socket_, -1); }

 private:
  int socket_;
};

}  // namespace

Loop::Loop(unsigned index, std::shared_ptr<const LoopOptions> options)
    : index_(index),
      options_(std::move(options)),
      wheel_(now()),
      primary_route_(std::make_unique<PrimaryRoute>(*this)),
      listener_(std::make_unique<Listener>(*this)),
      random_(std::random_device{}()),
      access_ring_(options_->access_log == nullptr ? nullptr : &options_->access_log->ring(index)) {
}

Loop::~Loop() {
  TANDEM_ASSERT(!thread_.joinable());
  TANDEM_ASSERT(sessions_.empty());
}

Result<Endpoint> Loop::listen(const Endpoint& endpoint) { return listener_->open(endpoint); }

void Loop::start() {
  sweep_.on_expiry([](void* context) { static_cast<Loop*>(context)->sweep(); }, this);
  post([this] {
    listener_->start();
    sweep();
  });
  thread_ = std::thread([this] { run(); });
  pthread_setname_np(thread_.native_handle(), fmt::format("forward-{}", index_).c_str());
}

void Loop::run() {
  here_ = std::this_thread::get_id();
  io_.run(DeadlineWheel::tick, [this](Instant at) { tick(at); });
  services_.clear();
  primary_route_.reset();
}

void Loop::stop() {
  if (!thread_.joinable()) return;
  post([this] { stop_here(); });
  thread_.join();
}

void Loop::stop_here() {
  assert_here();
  stopping_ = draining_ = true;
  listener_->close();
  for (auto& [name, service] : services_) service->refuse_all();
  primary_route_->refuse_all();
  sessions_.for_each([](ClientSession& session) { session.abort(); });
  tests_.for_each([](ConnectionTest& test) { test.abort(); });
  if (sessions_.empty()) io_.release();
}

void Loop::drain() {
  post([this] {
    draining_ = true;
    listener_->close();
    sessions_.for_each([](ClientSession& session) { session.drain(); });
    accepts_.store(false, std::memory_order_release);  // after the last session was counted
  });
}

void Loop::publish(SnapshotPtr snapshot) {
  post([this, snapshot = std::move(snapshot)] { apply(*snapshot); });
}

void Loop::publish(LeadershipPtr leadership) {
  post([this, leadership = std::move(leadership)] {
    const bool led = primary_route_->leadership().is_primary;
    primary_route_->publish(leadership);
    // The workers have as many connections to give to the next primary.
    if (led && !leadership->is_primary) {
      for (auto& [name, service] : services_) service->close_idle_before(Instant::forever());
    }
  });
}

void Loop::apply(const Snapshot& snapshot) {
  assert_here();
  if (snapshot.routes != nullptr) routes_ = snapshot.routes;
  for (const auto& each : snapshot.services) {
    auto& service = services_[each->name];
    if (!service) {
      service = std::make_unique<Service>(
          io_, wheel_, each->name,
          Service::Setup{.policies = options_->policies,
                         .options = options_->services,
                         .seed = index_ * 7919 + 1,
                         .loops = options_->loops,
                         .room_elsewhere = [this] { options_->room(index_, true); }});
    }
    service->update(*each);
    service->set_registered(true);
  }
  for (auto& [name, service] : services_) {
    // A service that nobody is registered for any more stays known, with no workers: requests may
    // be in it.
    if (snapshot.find(name) != nullptr) continue;
    service->set_registered(false);
    if (!service->empty()) service->update(SnapshotService{name, {}});
  }
  adopted_.store(snapshot.version, std::memory_order_release);
}

void Loop::tick(Instant now) {
  wheel_.advance(now);
  primary_route_->look_at_gate(now);
}

void Loop::sweep() {
  const auto oldest = wheel_.coarse_now() - limits::upstream_idle_max;
  for (auto& [name, service] : services_) service->close_idle_before(oldest);
  primary_route_->service().close_idle_before(oldest);
  arm(sweep_, 1s);
}

Service* Loop::find_service(std::string_view name) {
  const auto found = services_.find(name);
  return found == services_.end() ? nullptr : found->second.get();
}

void Loop::put_back(Service& service, UpstreamConnectionPtr connection) {
  const auto upstream = connection->upstream().shared_from_this();
  const bool given_away = upstream->put_back(std::move(connection), wheel_.coarse_now());
  if (given_away) options_->room(index_, true);
  service.wake_one();
}

void Loop::room_made(Service& service) { service.wake_one(); }

void Loop::want_room(Service& service) {
  bool starved = false;
  for (const auto& upstream : service.upstreams()) {
    if (!upstream->is_starved()) continue;
    upstream->counters().wanted.store(true, std::memory_order_relaxed);
    starved = true;
  }
  if (starved) options_->room(index_, false);
}

void Loop::give_room() {
  assert_here();
  bool gave = false;
  for (auto& [name, service] : services_) {
    for (const auto& upstream : service->upstreams()) {
      auto& wanted = upstream->counters().wanted;
      if (!wanted.load(std::memory_order_relaxed) || !upstream->give_back_idle()) continue;
      wanted.store(false, std::memory_order_relaxed);
      gave = true;
    }
  }
  if (gave) options_->room(index_, true);
}

void Loop::take_room() {
  assert_here();
  for (auto& [name, service] : services_) service->wake_all();
}

void Loop::adopt(ClientSession& session) { sessions_.push_front(session); }

void Loop::adopt(ConnectionTest& test) { tests_.push_front(test); }

void Loop::forget(ConnectionTest& test) { tests_.remove(test); }

void Loop::welcome(int client, const TcpEndpoint& peer, const Loop& acceptor) {
  auto held = HeldSocket(client);
  auto& open = counters_.client_connections;
  if (open.load(std::memory_order_relaxed) >= options_->client_connections_max) return;
  open.fetch_add(1, std::memory_order_relaxed);
  if (&acceptor == this) return begin(held.release(), peer);
  // A function that is posted can be copied.
  post([this, shared = std::make_shared<HeldSocket>(std::move(held)), peer] {
    begin(shared->release(), peer);
  });
}

void Loop::begin(int client, const TcpEndpoint& peer) {
  assert_here();
  Socket socket(io_, client, Reactor::Watch::later);
  if (stopping_) {
    counters_.client_connections.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  ClientSession::start(*this, std::move(socket), peer);
  // It was on its way while the others were told.
  if (!accepts()) sessions_.for_each([](ClientSession& session) { session.drain(); });
}

void Loop::forget(ClientSession& session) {
  sessions_.remove(session);
  if (stopping_ && sessions_.empty()) io_.release();  // nothing is left to wait for
  counters_.client_connections.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace tandem::master
