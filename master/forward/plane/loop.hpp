// loop.hpp: one event loop of the data plane: a thread, its listener, its clients, and what their
// requests need (Context).
//
// Loops share nothing that changes but WorkerCounters; from outside they are spoken to by post().
// Each entry point that is not documented as thread-safe asserts that it runs on the loop's thread.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/base/result.hpp"
#include "master/forward/client/clients.hpp"
#include "master/forward/exchange/context.hpp"

namespace tandem::master {

class Listener;
class Loop;

// What all loops are told at the start and never changes.
struct LoopOptions {
  std::shared_ptr<const ForwardOptions> forward;
  ClientOptions clients;
  bool binds_absent = false;  // where clients are served may be no address of this host yet
  std::vector<std::string> moving_addresses;  // that this host has for a while: see Farewell
  std::size_t client_connections_max = 0;     // per loop
  // Where a connection goes that `from` has accepted. Empty: there is one loop. Any thread.
  std::function<Loop&(Loop& from)> home;
  // Descriptors or memory run out: has the other loops shed what is idle. Called on loop threads.
  std::function<void(unsigned from_loop, Shed what)> shed_elsewhere;
};

class Loop {
 public:
  Loop(unsigned index, std::shared_ptr<const LoopOptions> options);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // ---- before start()
  // Binds the listener. Errors: `io`, with the address and the reason.
  Result<Endpoint> listen(const Endpoint& endpoint);

  // ---- any thread
  void start();
  // Ends the thread: clients are cut off. Blocks until it has ended.
  void stop();
  void publish(SnapshotPtr snapshot);
  void publish(LeadershipPtr leadership);
  // Takes no new connections, closes idle ones, lets requests in flight finish.
  void drain();
  // Clients of an address that is about to move: see Farewell.
  void say_farewell(Farewell step);
  // How far it has gone with that.
  Farewell farewell_said() const { return farewell_said_.load(std::memory_order_acquire); }
  template <class Function>
  void post(Function function) {
    context_.io().post(std::move(function));
  }
  // Serves a client that `acceptor`, on whose thread this is called, has accepted: an open socket,
  // which this takes over.
  void welcome(int client, const TcpEndpoint& peer, const Loop& acceptor);
  unsigned index() const { return context_.index(); }
  const LoopCounters& counters() const { return context_.counters(); }
  // False once drain() has taken effect: from then on client_connections only falls.
  bool accepts() const { return accepts_.load(std::memory_order_acquire); }
  // It serves as many clients as it may.
  bool is_full() const {
    return counters().client_connections.load(std::memory_order_relaxed) >=
           options_->client_connections_max;
  }
  std::size_t memory_in_use() const { return context_.memory_in_use(); }
  // The version of the snapshot that it goes by; 0: none yet. What was picked before is counted in
  // flight by then.
  std::uint64_t adopted() const { return adopted_.load(std::memory_order_acquire); }

  // ---- on the loop's thread
  Context& context() { return context_; }
  const LoopOptions& options() const { return *options_; }
  // Closes some of what is idle, here alone.
  void shed_here(Shed what);

 private:
  void run();
  void sweep();
  void begin(int client, const TcpEndpoint& peer);
  void client_left();
  void apply(const SnapshotPtr& snapshot);
  void stop_here();

  const std::shared_ptr<const LoopOptions> options_;
  Context context_;
  Clients clients_;
  Deadline sweep_;
  std::unique_ptr<Listener> listener_;
  std::atomic<bool> accepts_{true};
  std::atomic<Farewell> farewell_said_{Farewell::none};
  std::atomic<std::uint64_t> adopted_{0};
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace tandem::master
