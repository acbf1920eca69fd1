// loop.hpp: one event loop of the data plane: a thread, its listener, its client sessions, its
// upstream connections, its buffers and its time-outs.
//
// Loops share nothing that changes but WorkerCounters; from outside they are spoken to by post().
// Each entry point that is not documented as thread-safe asserts that it runs on the loop's thread.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/base/address_range.hpp"
#include "common/base/result.hpp"
#include "master/balance/policy_factory.hpp"
#include "common/base/splitmix64.hpp"
#include "master/forward/access_ring.hpp"
#include "master/forward/buffer.hpp"
#include "master/forward/deadline_wheel.hpp"
#include "master/forward/head_pool.hpp"
#include "common/http1/http_head.hpp"
#include "master/forward/intrusive_list.hpp"
#include "master/forward/rate_limiter.hpp"
#include "master/forward/reactor.hpp"
#include "master/forward/request_id.hpp"
#include "master/forward/service.hpp"
#include "master/forward/standby_traffic.hpp"
#include "master/registry/failure_kind.hpp"
#include "master/registry/leadership.hpp"
#include "master/registry/serving_gate.hpp"
#include "master/registry/snapshot.hpp"

namespace tandem::master {

class AccessLog;
class ClientCounts;
class ClientSession;
class ConnectionTest;
class Listener;
class Loop;
class PrimaryRoute;

// What is closed when something runs out, if it is idle.
enum class Shed { clients, clients_and_workers };

// Before an address moves to another host, where the connections that it has here are unknown: how
// far its clients have been let go.
enum class Farewell {
  none,
  answers,  // every answer is the last of its connection
  all,      // who is idle is closed, who comes is not heard
};

// Written by the loop, read by anyone. Relaxed: each is a number of its own.
struct LoopCounters {
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> retries{0};
  std::atomic<std::uint64_t> hedges{0};  // second tries of requests whose first took long
  // Open now, or on their way here from the loop that accepted them, which then has counted them.
  std::atomic<std::uint64_t> client_connections{0};

  // For what only the loop writes: a load and a store are enough, no locked instruction.
  static void add(std::atomic<std::uint64_t>& counter, std::uint64_t amount) {
    counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
};

// Room at the workers of a service that other loops wait for. It goes once around, back to where it
// was made, so that it wakes as many requests as it is for.
struct RoomOffer {
  std::string service;
  unsigned requests = 1;    // so many may be woken
  unsigned loops_left = 0;  // that are to see it
};

// What all loops are told at the start and never changes.
struct LoopOptions {
  std::string via;                          // how this gateway names itself, until a snapshot says
  std::string default_service;              // where requests go that no route leads elsewhere
  ServiceOptions services;                  // where nothing is said for a service
  std::shared_ptr<PolicyFactory> policies;  // never null once a loop has it
  unsigned loops = 1;
  bool binds_absent = false;  // where clients are served may be no address of this host yet
  std::vector<std::string> moving_addresses;    // that this host has for a while: see Farewell
  std::size_t client_connections_max = 0;       // per loop
  std::shared_ptr<ClientCounts> client_counts;  // null: one client may have any number of them
  std::vector<AddressRange> uncounted_clients;  // besides the trusted proxies
  std::size_t memory = 0;  // that buffers and clients of all loops may take; 0: any
  std::function<std::size_t()> memory_in_use;  // of all loops. Any thread.
  std::uint64_t body_bytes_max = 0;            // of a request: 413; 0: any
  std::shared_ptr<RateLimiter> rate_limiter;   // null: clients may send what they like
  std::vector<AddressRange> trusted_proxies;   // clients whose X-Forwarded-* are kept
  bool keeps_underscores = false;              // strangers' fields with one in their names
  bool allows_trace = false;                   // else TRACE: 405
  AccessLog* access_log = nullptr;             // null: none is kept
  const ServingGate* gate = nullptr;           // never null once a loop has it
  std::string pass;                            // the Tandem-Pass that standbys present to this node
  StandbyTraffic standby_traffic = StandbyTraffic::forward;
  std::string health_path;  // GET of it is answered by this master; empty: no path is
  // A worker refused a connection, or did not answer in time. Called on loop threads, by the loop
  // that set `suspect`.
  std::function<void(WorkerId, FailureKind)> report_failure;
  // A worker refused a request, for it has promised a higher term. Called on loop threads.
  std::function<void(Term)> report_term;
  // Where a connection goes that `from` has accepted. Empty: there is one loop. Any thread.
  std::function<Loop&(Loop& from)> home;
  // Descriptors or memory run out: has the other loops shed what is idle. Called on loop threads.
  std::function<void(unsigned from_loop, Shed what)> shed_elsewhere;
  // A request waits for a connection to a worker: the other loops are asked for what they have too
  // much of. Called on loop threads.
  std::function<void(unsigned from_loop, const std::string& service)> ask_for_room;
  // Room that is left goes to the next loop. Called on loop threads.
  std::function<void(unsigned from_loop, RoomOffer offer)> offer_room;
};

class Loop {
 public:
  Loop(unsigned index, std::shared_ptr<const LoopOptions> options);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // ---- callable from any thread
  // ------------------------------------------------------------------ Binds the listener; the
  // thread must not run yet. Errors: `io`, with the address and the reason.
  Result<Endpoint> listen(const Endpoint& endpoint);
  void start();
  // Ends the thread: sessions are cut off. Blocks until it has ended.
  void stop();
  void publish(SnapshotPtr snapshot);
  void publish(LeadershipPtr leadership);
  // Takes no new connections, closes idle ones, lets requests in flight finish.
  void drain();
  // Clients of an address that is about to move: see Farewell.
  void say_farewell(Farewell step);
  template <class Function>
  void post(Function function) {
    io_.post(std::move(function));
  }
  // Serves a client that `acceptor`, on whose thread this is called, has accepted: an open socket,
  // which this takes over.
  void welcome(int client, const TcpEndpoint& peer, const Loop& acceptor);
  const LoopCounters& counters() const { return counters_; }
  // How far it has gone with that.
  Farewell farewell_said() const { return farewell_said_.load(std::memory_order_acquire); }
  // False once drain() has taken effect: from then on client_connections only falls.
  bool accepts() const { return accepts_.load(std::memory_order_acquire); }
  // It serves as many clients as it may.
  bool is_full() const {
    return counters_.client_connections.load(std::memory_order_relaxed) >=
           options_->client_connections_max;
  }
  // That its buffers and its clients take.
  std::size_t memory_in_use() const;
  // The version of the snapshot that it goes by; 0: none yet. Any thread. What was picked before is
  // counted in flight by then.
  std::uint64_t adopted() const { return adopted_.load(std::memory_order_acquire); }

  // ---- on the loop's thread
  // ----------------------------------------------------------------------
  void assert_here() const { TANDEM_ASSERT(std::this_thread::get_id() == here_); }
  Reactor& io() { return io_; }
  BufferPool& buffers() { return buffers_; }
  LoopCounters& counters() { return counters_; }
  const LoopOptions& options() const { return *options_; }
  RequestIds& request_ids() { return request_ids_; }
  // Where requests are noted when they have ended; null when no access log is kept.
  AccessRing* access_ring() const { return access_ring_; }
  unsigned index() const { return index_; }
  // Where clients are served, as text.
  std::string_view listen_port() const { return listen_port_; }
  bool draining() const { return draining_; }
  // Every answer is the last of its connection.
  bool lets_clients_go() const { return draining_ || farewell_ != Farewell::none; }

  // How the masters of this cluster name themselves in Via (RFC 9110 §7.6.3): alike, for a request
  // that comes back to another one of them has come round too. Not over a suspension.
  std::string_view via() const { return via_; }
  PrimaryRoute& primary_route() { return *primary_route_; }
  DeadlineWheel& wheel() { return wheel_; }
  const ForwardTimeouts& timeouts() const { return options_->services.requests.timeouts; }

  void arm(Deadline& deadline, Duration timeout) { wheel_.arm(deadline, timeout); }
  // At random, evenly.
  Duration random_up_to(Duration most) { return random_.up_to(most); }
  Instant coarse_now() const { return wheel_.coarse_now(); }
  // The service of that name; null when no worker ever registered for it.
  Service* find_service(std::string_view name);
  // Never null.
  const RouteTablePtr& routes() const { return routes_; }
  // Returns a clean connection to its pool and lets a waiting request have it.
  void put_back(Service& service, UpstreamConnectionPtr connection);
  // A connection's place became free without the connection.
  void room_made(Service& service);
  // Called for a request that waits in `service`: asks other loops for what they have too much of.
  void want_room(Service& service);
  // Another loop did so: closes idle connections that this loop has above its share.
  void give_room(const std::string& service);
  // Another loop did that: who waits here tries again.
  void take_room(RoomOffer offer);

  RequestHead& borrow_request_head() { return request_heads_.borrow(); }
  void give_back(RequestHead& head) { request_heads_.give_back(head); }
  ResponseHead& borrow_response_head() { return response_heads_.borrow(); }
  void give_back(ResponseHead& head) { response_heads_.give_back(head); }

  // ---- loop_shortage.cpp: what runs out
  // scarce: clients that are idle are to be closed; exhausted: new requests are refused.
  enum class Memory { ample, scarce, exhausted };
  Memory memory() const;
  // Closes some of the clients that have been idle for a while, and connections to workers if so
  // said, here and at the other loops. Often called: it does so once a tick.
  void shed_idle(Shed what);
  // The same, here alone.
  void shed_here(Shed what);
  // A block to stream through that holds `arrived` bytes: a large one if there is memory for it.
  Buffer borrow_to_stream(std::size_t arrived);

  void adopt(ClientSession& session);
  void forget(ClientSession& session);
  void adopt(ConnectionTest& test);
  void forget(ConnectionTest& test);

 private:
  friend class Listener;
  void run();
  void tick(Instant now);
  void sweep();
  void begin(int client, const TcpEndpoint& peer);
  void apply(SnapshotPtr snapshot);
  void adopt(const SnapshotService& shown);
  void depart(const std::string& name);
  void forget_departed();
  template <class Lacks>
  void ask_others(Service& service, Lacks lacks);
  void offer_room(const std::string& service, unsigned requests);
  void stop_here();

  const unsigned index_;
  const std::shared_ptr<const LoopOptions> options_;
  Reactor io_;
  BufferPool buffers_;
  HeadPool<RequestHead> request_heads_;
  HeadPool<ResponseHead> response_heads_;
  DeadlineWheel wheel_;
  Deadline sweep_;
  std::map<std::string, std::unique_ptr<Service>, std::less<>> services_;
  SnapshotPtr snapshot_;  // that they go by; null: none yet
  std::vector<std::string>
      departed_;  // nobody is registered for them any more, requests are in them
  RouteTablePtr routes_ = std::make_shared<const RouteTable>(Routes{});
  std::string via_;
  std::unique_ptr<PrimaryRoute> primary_route_;
  std::unique_ptr<Listener> listener_;
  std::string listen_port_;
  IntrusiveList<ClientSession> sessions_;
  Instant shed_at_ = Instant::never();  // idle clients
  IntrusiveList<ConnectionTest> tests_;
  LoopCounters counters_;
  SplitMix64 random_;
  RequestIds request_ids_;
  AccessRing* const access_ring_;
  std::thread::id here_;  // written by the loop's thread before anything else
  std::atomic<bool> accepts_{true};
  std::atomic<Farewell> farewell_said_{Farewell::none};
  std::atomic<std::uint64_t> adopted_{0};
  bool draining_ = false;
  Farewell farewell_ = Farewell::none;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace tandem::master
