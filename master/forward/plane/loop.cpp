#include "master/forward/plane/loop.hpp"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "master/forward/client/limits.hpp"
#include "master/forward/plane/listener.hpp"

namespace tandem::master {

namespace {

constexpr Duration farewell_idle = 50ms;  // of clients that are closed before an address moves

}  // namespace

Loop::Loop(unsigned index, const DataPlaneOptions& options, const LoopLinks& links)
    : options_(options),
      links_(links),
      context_(index, options, links,
               [this](Shed what) {
                 shed_here(what);
                 if (options_.threads > 1) links_.shed_elsewhere(this->index(), what);
               }),
      clients_(context_, links.client_counts, links.handshakes, [this] { client_left(); }) {}

Loop::~Loop() { TANDEM_ASSERT(!thread_.joinable()); }

void Loop::know(unsigned number, const ListenAddress& address) {
  post([this, number, address] {
    entrances_.emplace(
        number, std::make_shared<Entrance>(Entrance{.port = std::to_string(address.endpoint.port),
                                                    .tls = address.tls,
                                                    .inner = address.inner,
                                                    .number = number}));
  });
}

void Loop::listen(unsigned number, std::shared_ptr<ListeningSocket> socket) {
  post([this, number, socket = std::move(socket)] {
    if (context_.draining()) return;
    auto& listener = *listeners_.emplace_back(std::make_unique<Listener>(*this, number, *socket));
    if (context_.farewell() == Farewell::all) listener.hold_newcomers(true);
    listener.start();
  });
}

void Loop::leave_entrance(unsigned number) {
  auto& entrance = *entrances_.at(number);
  entrance.is_left = true;
  clients_.tell_of_leaving(entrance);
}

void Loop::renumber(unsigned from, unsigned to) {
  leaving_.fetch_add(1, std::memory_order_relaxed);
  post([this, from, to] {
    for_each_listener([&](Listener& each) {
      if (each.number() == from) each.renumber(to);
    });
    leave_entrance(from);
    leaving_.fetch_sub(1, std::memory_order_release);
  });
}

void Loop::leave(unsigned number) {
  leaving_.fetch_add(1, std::memory_order_relaxed);
  post([this, number] {
    leave_entrance(number);
    for_each_listener([&](Listener& each) {
      if (each.number() != number || !each.is_open() || each.is_leaving()) return;
      leaving_.fetch_add(1, std::memory_order_relaxed);
      each.leave();
    });
    leaving_.fetch_sub(1, std::memory_order_release);
  });
}

void Loop::listener_ended(const Listener& listener) {
  if (listener.is_leaving()) leaving_.fetch_sub(1, std::memory_order_release);
}

void Loop::forget(unsigned number) {
  post([this, number] {
    std::erase_if(listeners_, [&](const auto& each) { return each->number() == number; });
    entrances_.erase(number);
  });
}

void Loop::redirect_to(const std::string& https_port) {
  post([this, https_port] { context_.redirect_to(https_port); });
}

void Loop::add_to(metrics::Traffic& sums) const {
  const auto value = [](const auto& counter) { return counter.load(std::memory_order_relaxed); };
  context_.request_counts().add_to(sums.services);
  sums.loops.push_back({.connections = value(counters().client_connections),
                        .tls_connections = value(counters().tls_connections),
                        .tls_handshakes = value(counters().tls_handshakes),
                        .memory_bytes = memory_in_use(),
                        .requests = value(counters().requests),
                        .awaiting_primary = counters().awaiting_primary.value()});
  sums.tls_handshakes_done += counters().tls_handshakes_done.value();
  sums.tls_handshakes_failed += counters().tls_handshakes_failed.value();
}

void Loop::start() {
  sweep_.on_expiry([](void* loop) { static_cast<Loop*>(loop)->sweep(); }, this);
  post([this] { sweep(); });
  thread_ = std::thread([this] { run(); });
  pthread_setname_np(thread_.native_handle(), fmt::format("forward-{}", index()).c_str());
}

void Loop::run() {
  context_.begin_here();
  context_.io().run(
      DeadlineWheel::tick, [this](Instant at) { context_.tick(at); },
      [this](Instant at) { context_.wheel().skip_to(at); });
  context_.clear();
}

void Loop::stop() {
  if (!thread_.joinable()) return;
  post([this] { stop_here(); });
  thread_.join();
}

void Loop::stop_here() {
  context_.assert_here();
  stopping_ = true;
  context_.set_draining();
  for_each_listener([](Listener& each) { each.close(); });
  context_.refuse_all();
  clients_.abort();
  if (clients_.empty()) context_.io().release();
}

void Loop::drain() {
  post([this] {
    context_.set_draining();
    for_each_listener([](Listener& each) { each.close(); });
    clients_.drain();
    accepts_.store(false, std::memory_order_release);  // after the last session was counted
  });
}

void Loop::abandon(std::vector<unsigned> numbers) {
  post([this, numbers = std::move(numbers)] {
    for_each_listener([&](Listener& each) {
      if (std::find(numbers.begin(), numbers.end(), each.number()) != numbers.end()) each.abandon();
    });
  });
}

void Loop::pass_on_clients(const Clients::Take& take) {
  post([this, take] {
    for (const auto& [number, entrance] : entrances_) {
      if (entrance->tls && take != nullptr) entrance->is_left = true;
    }
    clients_.pass_on(take);
  });
}

std::vector<std::pair<unsigned, int>> Loop::listening_sockets() const {
  context_.assert_here();
  std::vector<std::pair<unsigned, int>> sockets;
  for (const auto& listener : listeners_) {
    const int socket = listener->is_leaving() ? -1 : listener->duplicate();
    if (socket >= 0) sockets.emplace_back(listener->number(), socket);
  }
  return sockets;
}

void Loop::say_farewell(Farewell step) {
  post([this, step] {
    if (context_.draining()) return;
    context_.set_farewell(step);
    for_each_listener([&](Listener& each) { each.hold_newcomers(step == Farewell::all); });
    // Not those that have just connected: their requests are on the way.
    if (step == Farewell::all) clients_.close_idle_since(context_.coarse_now() - farewell_idle);
    farewell_said_.store(step, std::memory_order_release);
  });
}

void Loop::publish(SnapshotPtr snapshot) {
  post([this, snapshot = std::move(snapshot)] { apply(snapshot); });
}

void Loop::publish(LeadershipPtr leadership) {
  post([this, leadership = std::move(leadership)] { context_.publish(leadership); });
}

void Loop::publish(InnerAccessPtr access) {
  post([this, access = std::move(access)] {
    context_.use(access);
    clients_.look_at_masters();
  });
}

void Loop::publish(tls::ServerContextsPtr contexts, std::uint64_t version) {
  post([this, contexts = std::move(contexts), version] {
    clients_.use(contexts);
    tls_adopted_.store(version, std::memory_order_release);
  });
}

void Loop::adopt(std::shared_ptr<const RenewedOptions> renewed,
                 std::shared_ptr<ClientCounts> counts, std::uint64_t version) {
  // What is renewed ends on the thread that waits for it, not here.
  post([this, renewed = std::move(renewed), counts = std::move(counts), version]() mutable {
    context_.adopt(*renewed);
    clients_.use(std::move(counts));
    renewed.reset();
    options_adopted_.store(version, std::memory_order_release);
  });
}

void Loop::apply(const SnapshotPtr& snapshot) {
  context_.apply(snapshot);
  adopted_.store(snapshot->version, std::memory_order_release);
}

void Loop::sweep() {
  context_.sweep();
  clients_.look_at_masters();
  context_.arm(sweep_, 1s);
}

void Loop::shed_here(Shed what) {
  context_.assert_here();
  clients_.close_idle();
  if (what == Shed::clients) return;
  context_.services().close_idle_before(context_.coarse_now() - limits::idle_when_scarce);
}

void Loop::welcome(int client, const TcpEndpoint& peer, unsigned number, const Loop& acceptor) {
  auto held = HeldSocket(client);
  context_.counters().client_connections.fetch_add(1, std::memory_order_relaxed);
  const Arrival arrival{.peer = peer};
  if (&acceptor == this) return begin(held.release(), arrival, number);
  // A function that is posted must be copyable.
  post([this, shared = std::make_shared<HeldSocket>(std::move(held)), arrival, number] {
    begin(shared->release(), arrival, number);
  });
}

void Loop::welcome_passed(PassedClient client) {
  context_.counters().client_connections.fetch_add(1, std::memory_order_relaxed);
  post([this, shared = std::make_shared<PassedClient>(std::move(client))] {
    begin(shared->socket.release(), shared->arrival, shared->entrance);
  });
}

void Loop::begin(int client, const Arrival& arrival, unsigned number) {
  context_.assert_here();
  ByteStream connection(Socket(context_.io(), client, Reactor::Watch::later));
  if (stopping_) {
    context_.counters().client_connections.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  clients_.serve(std::move(connection), arrival, entrances_.at(number));
  // It was on its way here while the others were drained, or passed on.
  if (!accepts()) clients_.drain();
  if (clients_.passes_on()) clients_.pass_on_idle();
}

void Loop::client_left() {
  if (stopping_ && clients_.empty()) context_.io().release();  // nothing is left to wait for
  context_.counters().client_connections.fetch_sub(1, std::memory_order_relaxed);
  for_each_listener([](Listener& each) { each.room_made(); });
}

}  // namespace tandem::master
