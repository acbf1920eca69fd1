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

constexpr Duration farewell_idle = 50ms;  // of clients that are closed before an address moves

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
      buffers_(options_->memory == 0 ? static_cast<std::size_t>(-1)
                                     : options_->memory / options_->loops / 8),
      wheel_(now()),
      via_(options_->via),
      primary_route_(std::make_unique<PrimaryRoute>(*this)),
      listener_(std::make_unique<Listener>(*this)),
      random_(std::random_device{}()),
      access_ring_(options_->access_log == nullptr ? nullptr : &options_->access_log->ring(index)) {
}

Loop::~Loop() {
  TANDEM_ASSERT(!thread_.joinable());
  TANDEM_ASSERT(sessions_.empty());
}

Result<Endpoint> Loop::listen(const Endpoint& endpoint) {
  auto bound = listener_->open(endpoint);
  if (bound) listen_port_ = std::to_string(bound->port);
  return bound;
}

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

void Loop::say_farewell(Farewell step) {
  post([this, step] {
    if (draining_) return;
    farewell_ = step;
    listener_->hold_newcomers(step == Farewell::all);
    if (step == Farewell::all) {
      // Not who has just come: its request is on the way.
      const auto since = coarse_now() - farewell_idle;
      sessions_.for_each([since](ClientSession& session) { session.close_if_idle_since(since); });
    }
    farewell_said_.store(step, std::memory_order_release);
  });
}

void Loop::publish(SnapshotPtr snapshot) {
  post([this, snapshot = std::move(snapshot)] { apply(snapshot); });
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

// Both snapshots are sorted by name, and share what did not change: that is passed over.
void Loop::apply(SnapshotPtr snapshot) {
  assert_here();
  if (snapshot->routes != nullptr) routes_ = snapshot->routes;
  if (!snapshot->via.empty()) via_ = snapshot->via;
  const auto before = std::exchange(snapshot_, std::move(snapshot));
  static const std::vector<std::shared_ptr<const SnapshotService>> none;
  const auto& old_services = before ? before->services : none;
  auto old = old_services.begin();
  for (const auto& shown : snapshot_->services) {
    if (old != old_services.end() && *old == shown) {
      ++old;
      continue;
    }
    while (old != old_services.end() && (*old)->name < shown->name) depart((*old++)->name);
    const bool was_there = old != old_services.end() && (*old)->name == shown->name;
    if (!was_there || *old != shown) adopt(*shown);
    if (was_there) ++old;
  }
  while (old != old_services.end()) depart((*old++)->name);
  forget_departed();
  adopted_.store(snapshot_->version, std::memory_order_release);
}

void Loop::adopt(const SnapshotService& shown) {
  auto& service = services_[shown.name];
  if (!service) {
    service = std::make_unique<Service>(
        io_, wheel_, shown.name,
        Service::Setup{.policies = options_->policies,
                       .options = options_->services,
                       .seed = index_ * 7919 + 1,
                       .loops = options_->loops,
                       .room_elsewhere = [this, name = shown.name] { offer_room(name, 1); }});
  }
  service->update(shown);
  service->set_registered(true);
}

void Loop::depart(const std::string& name) {
  auto& service = *services_.find(name)->second;
  service.set_registered(false);
  if (!service.empty()) service.update(SnapshotService{name, {}});
  departed_.push_back(name);
}

// Those that have come back stay, and those that requests are in.
void Loop::forget_departed() {
  std::erase_if(departed_, [this](const std::string& name) {
    const auto found = services_.find(name);
    if (found == services_.end() || found->second->is_registered()) return true;
    if (found->second->in_use()) return false;
    services_.erase(found);
    return true;
  });
}

void Loop::tick(Instant now) {
  wheel_.advance(now);
  primary_route_->look_at_gate(now);
}

void Loop::sweep() {
  const auto oldest = wheel_.coarse_now() - limits::upstream_idle_max;
  for (auto& [name, service] : services_) service->close_idle_before(oldest);
  primary_route_->service().close_idle_before(oldest);
  forget_departed();
  arm(sweep_, 1s);
}

Service* Loop::find_service(std::string_view name) {
  const auto found = services_.find(name);
  return found == services_.end() ? nullptr : found->second.get();
}

void Loop::put_back(Service& service, UpstreamConnectionPtr connection) {
  const auto upstream = connection->upstream().shared_from_this();
  const bool given_away = upstream->put_back(std::move(connection), wheel_.coarse_now());
  if (given_away) return offer_room(service.name(), 1);
  if (service.is_limited() || service.wake_one()) return;
  // It may have been closed, which makes a place that another loop waits for.
  const bool is_wanted = upstream->counters().wanted.load(std::memory_order_relaxed);
  if (is_wanted && upstream->has_free_place()) offer_room(service.name(), 1);
}

void Loop::room_made(Service& service) {
  if (!service.is_limited()) service.room_made();
}

void Loop::want_room(Service& service) {
  ask_others(service, [](const Upstream& upstream) { return upstream.is_starved(); });
}

// Those that were asked for one already give it back as soon as they have it.
template <class Lacks>
void Loop::ask_others(Service& service, Lacks lacks) {
  if (options_->loops == 1) return;
  bool asks = false;
  for (const auto& upstream : service.upstreams()) {
    if (!lacks(*upstream)) continue;
    asks = !upstream->counters().wanted.exchange(true, std::memory_order_relaxed) || asks;
  }
  if (asks) options_->ask_for_room(index_, service.name());
}

void Loop::give_room(const std::string& name) {
  assert_here();
  const auto found = services_.find(name);
  if (found == services_.end()) return;
  unsigned given = 0;
  for (const auto& upstream : found->second->upstreams()) {
    auto& wanted = upstream->counters().wanted;
    if (!wanted.load(std::memory_order_relaxed)) continue;
    // A place that became free before this was asked for was offered to nobody.
    if (!upstream->has_free_place() && !upstream->give_back_idle()) continue;
    if (wanted.exchange(false, std::memory_order_relaxed)) ++given;
  }
  if (given > 0) offer_room(name, given);
}

void Loop::offer_room(const std::string& service, unsigned requests) {
  if (options_->loops == 1) return;
  options_->offer_room(index_, {service, requests, options_->loops});
}

void Loop::take_room(RoomOffer offer) {
  assert_here();
  if (auto* const service = find_service(offer.service)) {
    while (offer.requests > 0 && service->wake_one()) --offer.requests;
    // What is free now is for those that it wakes: who sleeps on wants what is free next.
    if (service->has_sleepers()) {
      ask_others(*service, [](const Upstream& upstream) { return upstream.has_too_few(); });
    }
  }
  if (--offer.loops_left > 0) options_->offer_room(index_, std::move(offer));
}

void Loop::adopt(ClientSession& session) { sessions_.push_front(session); }

void Loop::adopt(ConnectionTest& test) { tests_.push_front(test); }

void Loop::forget(ConnectionTest& test) { tests_.remove(test); }

void Loop::welcome(int client, const TcpEndpoint& peer, const Loop& acceptor) {
  auto held = HeldSocket(client);
  counters_.client_connections.fetch_add(1, std::memory_order_relaxed);
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
  listener_->room_made();
}

}  // namespace tandem::master
