// context.hpp: all that an exchange needs from the loop it runs on: time and deadlines, buffers and
// heads, options, services and routes, the route to the primary, ids and counters. The loop owns
// it, beside the clients and the listener, which an exchange does not know.
//
// Owner: the loop's thread, but for what is marked.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/base/histogram.hpp"
#include "common/base/splitmix64.hpp"
#include "common/http1/http_head.hpp"
#include "master/forward/access_log/ring.hpp"
#include "master/forward/exchange/challenge_files.hpp"
#include "master/forward/exchange/forward_options.hpp"
#include "master/forward/exchange/leftover_answers.hpp"
#include "master/forward/http/head_pool.hpp"
#include "master/forward/http/request_id.hpp"
#include "master/forward/http/sender.hpp"
#include "master/forward/io/buffer.hpp"
#include "master/forward/io/deadline_wheel.hpp"
#include "master/forward/io/reactor.hpp"
#include "master/forward/stream/stream_memory.hpp"
#include "master/forward/tracing/span_ring.hpp"
#include "master/forward/workers/connection_tests.hpp"
#include "master/forward/workers/services.hpp"
#include "master/registry/inner_access.hpp"
#include "master/registry/leadership.hpp"
#include "master/metrics/request_counts.hpp"
#include "master/registry/snapshot.hpp"

namespace tandem::master {

class PrimaryRoute;

// What is closed when something runs out, if it is idle.
enum class Shed { clients, clients_and_workers };

// An address moves to another host, which does not know the connections that it has here: how far
// its clients have been asked to leave before that.
enum class Farewell {
  none,
  answers,  // every answer is the last of its connection
  all,      // idle connections are closed, and new ones are not accepted
};

// Written by the loop, read by anyone. Relaxed: each is a number of its own.
struct LoopCounters {
  std::atomic<std::uint64_t> requests{0};
  Gauge awaiting_primary;  // requests that wait until somebody leads
  // Open, or on their way here from the loop that accepted them, which has counted them already.
  std::atomic<std::uint64_t> client_connections{0};
  std::atomic<std::uint64_t> tls_handshakes{0};   // of clients, under way
  std::atomic<std::uint64_t> tls_connections{0};  // of clients, secure and open
  Counter tls_handshakes_done;
  Counter tls_handshakes_failed;  // or took too long, or were given up

  // Only the loop writes, so a load and a store are enough, without a locked instruction.
  static void add(std::atomic<std::uint64_t>& counter, std::uint64_t amount) {
    counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
};

// What the loops of a process share, and how one reaches the others.
struct SharedByLoops {
  std::shared_ptr<RateLimiter> rate_limiter;   // null: clients may send what they like
  std::shared_ptr<ChallengeFiles> challenges;  // null: they are requests like others
  std::function<std::size_t()> memory_in_use;  // of all loops. Any thread.
  // See Services::Setup. Called on loop threads.
  std::function<void(unsigned from_loop, const std::string& service)> ask_for_room;
  std::function<void(unsigned from_loop, RoomOffer offer)> offer_room;
};

// What is said anew about forwarding while it goes on; the parts of the process in it stay.
struct RenewedOptions {
  ForwardOptions options;
  std::shared_ptr<RateLimiter> rate_limiter;
  std::shared_ptr<ChallengeFiles> challenges;
};

class Context {
 public:
  // `shed`: closes some of what is idle, here and at the other loops. `index`: the loop's number.
  // `shared` outlives it.
  Context(unsigned index, const ForwardOptions& options, const SharedByLoops& shared,
          std::function<void(Shed)> shed);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  void assert_here() const { TANDEM_ASSERT(std::this_thread::get_id() == here_); }

  // ---- what is said by an operator, or is the loop's own
  unsigned index() const { return index_; }
  const ForwardOptions& options() const { return options_; }
  // Null: clients may send what they like.
  RateLimiter* rate_limiter() const { return rate_limiter_.get(); }
  // Strict-Transport-Security of an answer to that request; empty: none of ours.
  std::string_view hsts_for(const RequestHead& request, const Sender& sender) const {
    if (options_.hsts.empty() || !came_by_https(request, sender)) return {};
    return options_.hsts;
  }
  // Null: challenges of ACME are requests like others.
  ChallengeFiles* challenges() const { return challenges_.get(); }
  const ForwardTimeouts& timeouts() const { return options_.services.requests.timeouts; }
  Reactor& io() { return io_; }
  LoopCounters& counters() { return counters_; }
  metrics::RequestCounts& request_counts() { return request_counts_; }
  const metrics::RequestCounts& request_counts() const { return request_counts_; }  // any thread
  const WorkerLatencies& latencies() const { return latencies_; }                   // any thread
  const LoopCounters& counters() const { return counters_; }                        // any thread
  RequestIds& request_ids() { return request_ids_; }
  // Where requests are noted when they have ended; null when no access log is kept.
  AccessRing* access_ring() const { return access_ring_; }
  // Spans of traced requests are kept.
  bool keeps_spans() const { return spans_ != nullptr; }
  // A request may have begun while they were.
  void keep(const Span& span) {
    if (spans_ != nullptr) spans_->push(span);
  }
  bool draining() const { return draining_; }
  // Every answer is the last of its connection.
  bool lets_clients_go() const { return draining_ || farewell_ != Farewell::none; }
  // Those to this one are.
  bool lets_go(const Sender& sender) const { return lets_clients_go() || sender.is_to_leave(); }
  Farewell farewell() const { return farewell_; }
  // The port of https, where clients are sent who come without TLS, with --redirect-to-https. Not
  // to be kept over a suspension.
  const std::string& https_port() const { return https_port_; }

  // ---- time
  DeadlineWheel& wheel() { return wheel_; }
  void arm(Deadline& deadline, Duration timeout) { wheel_.arm(deadline, timeout); }
  Instant coarse_now() const { return wheel_.coarse_now(); }
  // At random, evenly.
  Duration random_up_to(Duration most) { return random_.up_to(most); }

  // ---- where requests can go
  Services& services() { return services_; }
  ConnectionTests& connection_tests() { return tests_; }
  LeftoverAnswers& leftovers() { return leftovers_; }
  // Whom this master believes that passes requests on to it. A reference into it is good until the
  // next suspension.
  const InnerAccess& inner_access() const { return *inner_access_; }
  PrimaryRoute& primary_route() { return *primary_route_; }
  // Never null.
  const RouteTablePtr& routes() const { return routes_; }
  // How all masters of this cluster name themselves in Via (RFC 9110 §7.6.3): a request that comes
  // back to another one of them loops, too. Not to be kept over a suspension.
  std::string_view via() const { return via_; }

  // ---- memory
  BufferPool& buffers() { return buffers_; }
  StreamMemory& stream_memory() { return stream_memory_; }
  // What connections to workers are made of.
  WorkerIo worker_io() {
    return {io_, wheel_, buffers_, stream_memory_.http2(), timeouts().http2_quiet};
  }
  RequestHead& borrow_request_head() { return request_heads_.borrow(); }
  void give_back(RequestHead& head) { request_heads_.give_back(head); }
  ResponseHead& borrow_response_head() { return response_heads_.borrow(); }
  void give_back(ResponseHead& head) { response_heads_.give_back(head); }
  // scarce: clients that are idle are to be closed; exhausted: new requests are refused.
  enum class Memory { ample, scarce, exhausted };
  Memory memory() const;
  // Bytes that its buffers and its clients take. Any thread.
  std::size_t memory_in_use() const;
  // Closes some of the clients that have been idle for a while, and connections to workers if asked
  // to, here and at the other loops. May be called often: it does so once a tick.
  void shed_idle(Shed what);
  // A buffer to stream through that holds `arrived` bytes: a large one if there is memory for it.
  Buffer borrow_to_stream(std::size_t arrived);

  // ---- for the loop
  // The thread has begun.
  void begin_here() { here_ = std::this_thread::get_id(); }
  void set_draining() { draining_ = true; }
  void redirect_to(std::string https_port) { https_port_ = std::move(https_port); }
  void set_farewell(Farewell step) { farewell_ = step; }
  void apply(const SnapshotPtr& snapshot);
  void adopt(const RenewedOptions& renewed);
  void publish(const LeadershipPtr& leadership);
  void use(const InnerAccessPtr& access) { inner_access_ = access; }
  void tick(Instant now);
  // Each second or so: closes what has been idle for long.
  void sweep();
  // The loop ends: requests that wait for a worker or a primary are refused.
  void refuse_all();
  // REQUIRES: no exchange is left
  void clear();

 private:
  const unsigned index_;
  ForwardOptions options_;
  const SharedByLoops& shared_;
  std::shared_ptr<RateLimiter> rate_limiter_;
  std::shared_ptr<ChallengeFiles> challenges_;
  const std::function<void(Shed)> shed_;
  Reactor io_;
  BufferPool buffers_;
  StreamMemory stream_memory_;
  HeadPool<RequestHead> request_heads_;
  HeadPool<ResponseHead> response_heads_;
  DeadlineWheel wheel_;
  WorkerLatencies latencies_;
  Services services_;
  ConnectionTests tests_;
  LeftoverAnswers leftovers_;
  RouteTablePtr routes_ = std::make_shared<const RouteTable>(Routes{});
  std::string via_;
  std::unique_ptr<PrimaryRoute> primary_route_;
  InnerAccessPtr inner_access_ = std::make_shared<const InnerAccess>();
  LoopCounters counters_;
  metrics::RequestCounts request_counts_;
  SplitMix64 random_;
  RequestIds request_ids_;
  AccessRing* access_ring_;
  SpanRing* spans_;  // null: none are kept
  Instant shed_at_ = Instant::never();
  std::thread::id here_;  // written by the loop's thread before anything else
  bool draining_ = false;
  Farewell farewell_ = Farewell::none;
  std::string https_port_;
};

}  // namespace tandem::master
