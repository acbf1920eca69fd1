// loop.hpp: one event loop of the data plane: a thread, its listeners, its clients, and what their
// requests need (Context).
//
// Loops share nothing that changes but WorkerCounters; other threads reach them by post().
// Each entry point that is not documented as thread-safe asserts that it runs on the loop's thread.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/result.hpp"
#include "master/forward/client/clients.hpp"
#include "master/forward/exchange/context.hpp"
#include "master/forward/plane/data_plane_options.hpp"
#include "master/forward/plane/limits.hpp"

namespace tandem::master {

class Listener;
class ListeningSocket;
class Loop;

// What loops share, and how they reach each other, besides what their requests need of that.
struct LoopLinks : SharedByLoops {
  std::shared_ptr<ClientCounts> client_counts;  // null: an address may have any number of clients
  const std::atomic<std::size_t>* clients_max = nullptr;  // per loop
  const std::atomic<bool>* has_former = nullptr;          // then there may be more
  HandshakeLimits handshakes{};                           // of TLS, per loop
  // Where a connection goes that `from` has accepted. Empty: there is one loop. Any thread.
  std::function<Loop&(Loop& from)> home;
  // Descriptors or memory run out: the other loops close what is idle. Called on loop threads.
  std::function<void(unsigned from_loop, Shed what)> shed_elsewhere;
};

class Loop {
 public:
  // `options` and `links` outlive it.
  Loop(unsigned index, const DataPlaneOptions& options, const LoopLinks& links);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // ---- any thread, before start() too: takes effect in the order of the calls
  // There is an address of that number: connections that any loop accepts there may come here. To
  // be called at all loops before any of them listens there.
  void know(unsigned number, const ListenAddress& address);
  // Accepts there from now on. `socket`: for this loop alone.
  void listen(unsigned number, std::shared_ptr<ListeningSocket> socket);
  // Clients that come to address `from` come to `to` from now on: the same, but for its TLS. Those
  // who have come to `from` are asked to leave.
  void renumber(unsigned from, unsigned to);
  // Accepts nobody there any more but those who are waiting, and asks those to leave who have come.
  void leave(unsigned number);
  // How many of both are not done.
  unsigned leaving() const { return leaving_.load(std::memory_order_acquire); }
  // The address is known no more. REQUIRES: all loops have left it
  void forget(unsigned number);
  // Clients that come without TLS are sent to that port, if they are to be sent elsewhere.
  void redirect_to(const std::string& https_port);
  void start();
  // Ends the thread: clients are cut off. Blocks until it has ended.
  void stop();
  void publish(SnapshotPtr snapshot);
  void publish(LeadershipPtr leadership);
  void publish(InnerAccessPtr access);
  // What handshakes begin with from now on.
  void publish(tls::ServerContextsPtr contexts, std::uint64_t version);
  // What an operator says from now on; see DataPlane::adopt().
  void adopt(std::shared_ptr<const RenewedOptions> renewed, std::shared_ptr<ClientCounts> counts,
             std::uint64_t version);
  std::uint64_t options_adopted() const { return options_adopted_.load(std::memory_order_acquire); }
  // The version of those that they begin with.
  std::uint64_t tls_adopted() const { return tls_adopted_.load(std::memory_order_acquire); }
  // Takes no new connections, closes idle ones, lets requests in flight finish.
  void drain();
  // Stops listening at these addresses, without accepting whoever waits there: another process has
  // the same sockets.
  void abandon(std::vector<unsigned> numbers);
  // Clients are passed on from now on (Clients::pass_on()), to `take`, which is called on the
  // loop's thread. To be called again now and then, for those that were not idle. Empty: no more
  // are.
  void pass_on_clients(const Clients::Take& take);
  // Asks the clients of the moving addresses to leave: see Farewell.
  void say_farewell(Farewell step);
  // The last step of that which has been taken.
  Farewell farewell_said() const { return farewell_said_.load(std::memory_order_acquire); }
  template <class Function>
  void post(Function function) {
    context_.io().post(std::move(function));
  }
  // Serves a client that `acceptor`, on whose thread this is called, has accepted at the address of
  // that number: an open socket, which this takes over.
  void welcome(int client, const TcpEndpoint& peer, unsigned number, const Loop& acceptor);
  // Serves a client that another process has passed on, or that could not be passed on. Any thread.
  void welcome_passed(PassedClient client);
  unsigned index() const { return context_.index(); }
  const LoopCounters& counters() const { return context_.counters(); }
  // What it has counted, besides what other loops have.
  void add_to(metrics::Traffic& sums) const;
  void add_to(LatencyByWorker& sums) const { context_.latencies().add_to(sums); }
  // False once drain() has taken effect: from then on client_connections only falls.
  bool accepts() const { return accepts_.load(std::memory_order_acquire); }
  // It has as many clients as it may.
  bool is_full() const {
    const bool more = links_.has_former->load(std::memory_order_relaxed);
    const auto most = links_.clients_max->load(std::memory_order_relaxed);
    return clients() >= (more ? most + most / limits::former_share : most);
  }
  std::size_t memory_in_use() const { return context_.memory_in_use(); }
  // The version of the snapshot that it uses; 0: none yet. Requests that were placed by an earlier
  // one are counted as in flight by then.
  std::uint64_t adopted() const { return adopted_.load(std::memory_order_acquire); }

  // ---- on the loop's thread
  Context& context() { return context_; }
  const DataPlaneOptions& options() const { return options_; }
  const LoopLinks& links() const { return links_; }
  // Closes some of what is idle, on this loop alone.
  void shed_here(Shed what);
  // REQUIRES: the address is known
  const Entrance& entrance(unsigned number) const { return *entrances_.at(number); }
  // Descriptors of the caller's own for its listening sockets, each with the number of its address.
  std::vector<std::pair<unsigned, int>> listening_sockets() const;
  void listener_ended(const Listener& listener);

 private:
  void run();
  void sweep();
  void begin(int client, const Arrival& arrival, unsigned number);
  void leave_entrance(unsigned number);
  template <class Visit>
  void for_each_listener(Visit visit) {
    for (auto& listener : listeners_) visit(*listener);
  }
  void client_left();
  std::size_t clients() const {
    return counters().client_connections.load(std::memory_order_relaxed);
  }
  void apply(const SnapshotPtr& snapshot);
  void stop_here();

  const DataPlaneOptions& options_;
  const LoopLinks& links_;
  Context context_;
  Clients clients_;
  Deadline sweep_;
  std::map<unsigned, std::shared_ptr<Entrance>> entrances_;  // the same at all loops
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::atomic<unsigned> leaving_{0};
  std::atomic<bool> accepts_{true};
  std::atomic<Farewell> farewell_said_{Farewell::none};
  std::atomic<std::uint64_t> adopted_{0};
  std::atomic<std::uint64_t> tls_adopted_{0};
  std::atomic<std::uint64_t> options_adopted_{0};
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace tandem::master
