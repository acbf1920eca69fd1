// upstream.hpp: connections to one worker, as one loop keeps them.
//
// Connections are kept alive and reused, the most recently used first, so that few stay warm and
// the rest grow old and are closed. One on which the worker says something that nobody asked for,
// or that it closes, is closed at the edge, so that no answer is ever taken for another's; and the
// reactor has looked at a connection before it carries the next request. What comes later than that
// would still be taken for the answer to that request. So a worker that has said more than it was
// asked for is distrusted, and its connections carry one request each.
//
// A worker advertises how many connections it can hold; all loops together never open more. Each
// loop is entitled to its share, and may take more while others leave theirs unused; it gives such
// a connection back when another loop wants one. Owner: the loop; what loops share is in
// WorkerCounters.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/time.hpp"
#include "master/balance/sticky_cookie.hpp"
#include "master/forward/io/intrusive_list.hpp"
#include "master/forward/io/socket_io.hpp"
#include "master/forward/workers/h1_call.hpp"
#include "master/forward/workers/h2_call.hpp"
#include "master/forward/workers/worker_latencies.hpp"
#include "master/registry/snapshot.hpp"

namespace tandem::master {

// A request that was sent to a worker and has no answer yet.
class UnansweredRequest : public IntrusiveListMember<UnansweredRequest> {
 public:
  // The worker is down: gives the request up here if it may be sent elsewhere.
  virtual void abandon() = 0;

 protected:
  ~UnansweredRequest() = default;
};

class Upstream : public std::enable_shared_from_this<Upstream> {
 public:
  // `loops`: how many loops share the worker's connections.
  Upstream(std::shared_ptr<const SnapshotWorker> worker, unsigned loops);

  const SnapshotWorker& worker() const { return *worker_; }
  WorkerCounters& counters() const { return *worker_->counters; }
  const TcpEndpoint& endpoint() const { return endpoint_; }
  // Where this loop counts what it has answered.
  AnswerTally& answers() { return *answers_; }
  // Host for requests that name none.
  std::string_view host_and_port() const { return host_and_port_; }

  // Tandem-Term for this worker, with its proof; empty: it takes none. Made once for each term.
  std::string_view proof_of(Term term);

  // The value of the cookie that names this worker, and of the Set-Cookie that hands it out; empty
  // when clients do not stick.
  const std::string& cookie() const { return cookie_; }
  const std::string& set_cookie() const { return set_cookie_; }

  // Sets the cookie with which clients come here again.
  void stick_by(const StickyCookie& sticky);

  // Its index among the workers of its service; `nowhere` once it has left.
  static constexpr std::size_t nowhere = static_cast<std::size_t>(-1);
  std::size_t place() const { return place_; }
  void stand_at(std::size_t place) { place_ = place; }
  // When it joined a service that was serving already, and so starts slowly; unset: it does not.
  std::optional<Instant> starts_since() const { return starts_since_; }
  void start_slowly(Instant since) { starts_since_ = since; }
  void start_no_more() { starts_since_.reset(); }

  // How long it takes is noted there; null: nowhere.
  void measure_by(std::shared_ptr<WorkerLatency> latency) { latency_ = std::move(latency); }
  WorkerLatency* latency() const { return latency_.get(); }

  // The protocol of new calls, unless the worker says what it speaks.
  void speak(wire::WorkerProtocol of_service);
  // TLS of new connections, unless the worker has its own; null: none.
  void secure_by(std::shared_ptr<const tandem::tls::WorkerTls> of_service);
  const std::shared_ptr<const tandem::tls::WorkerTls>& tls() const { return tls_; }
  // The worker is told on each new connection whose it is, or no longer.
  void announce_clients(bool announces);
  // The worker has accepted TLS with this master on a connection that was just made.
  void note_tls_accepted() {
    auto& alert = counters().tls_alert;
    if (alert.load(std::memory_order_relaxed) != 0) alert.store(0, std::memory_order_relaxed);
  }
  // Calls are for one client's requests alone, which has to be named.
  bool announces_clients() const {
    return announces_clients_ && protocol_ == wire::WorkerProtocol::http1;
  }
  // The loop ends: closes HTTP/2 connections, and ends the calls on them.
  void close_links();
  // What to call when a place is free that no call's end tells of; until it is retired.
  void on_place_freed(std::function<void()> function) { place_freed_ = std::move(function); }

  // The same registration with another weight or limit.
  void update(std::shared_ptr<const SnapshotWorker> worker);

  // An idle connection is here, or a new one may be opened.
  bool has_room() const { return !idle_.empty() || may_open(); }

  // The most recently used idle connection; null when there is none. The kernel is asked whether it
  // is still quiet if the reactor may have missed an event there, or always.
  enum class Look { if_in_doubt, always };
  WorkerCallPtr take_idle(Look look);
  // The same of those that are `client`'s.
  WorkerCallPtr take_idle_of(std::string_view client);
  // A new call, which has to be connected first; null when the worker is full. A call of HTTP/2
  // may share its connection, or have one of its own.
  using Sharing = H2Call::Sharing;
  WorkerCallPtr open(const WorkerIo& io, Sharing sharing = Sharing::shared);
  // The same for that client's requests; an idle connection of another one makes room.
  WorkerCallPtr open_for(std::string_view client, const WorkerIo& io);

  // A request awaits its answer here, until it leaves.
  void enter(UnansweredRequest& request) { in_flight_.push_front(request); }
  void leave(UnansweredRequest& request) { in_flight_.remove(request); }

  // The worker has left the snapshot: idle connections are closed, others when they end. If it is
  // down, requests without an answer are abandoned.
  void retire();
  bool is_retired() const { return retired_; }
  // Closes what has been idle since before `oldest`.
  void close_idle_before(Instant oldest);
  // Another loop wants a connection: closes an idle one if this loop has more than its share. True
  // if so.
  bool give_back_idle();
  // This loop has less than its share and finds the worker full.
  bool is_starved() const { return !has_room() && has_too_few(); }
  // This loop has less than its share.
  bool has_too_few() const { return open_ < std::max(1u, share_floor()); }
  // A new connection may be opened.
  bool has_free_place() const { return may_open(); }

  // ---- for the calls
  // Keeps a connection that is in a clean state. Closes it when bytes follow that nobody asked for,
  // or may follow, when this worker has left the snapshot, or when another loop waits for its
  // place; true in that last case.
  bool put_back(std::unique_ptr<H1Call> call, Instant now);
  // Closes one of those that were put back.
  void drop_idle(const H1Call& call);
  // The worker has said something that nobody asked for: for limits::distrust_time from now on no
  // connection carries a second request.
  void distrust(Instant now);
  // A call has ended.
  void leave_place();
  // The same, later than the call: whoever waits for room is told.
  void free_kept_place();
  // Its place is for another loop that waits for it.
  bool gives_place_away();
  // An HTTP/2 connection that has room, or is being made: a new one if need be.
  std::shared_ptr<WorkerLink> link(const WorkerIo& io);
  // A new one, which is not shared.
  std::shared_ptr<WorkerLink> begin_link(const WorkerIo& io);

 private:
  bool may_open() const;
  bool take_place();
  WorkerCallPtr take_stream(Look look);
  unsigned share_floor() const { return worker_->connections / loops_; }

  std::shared_ptr<const SnapshotWorker> worker_;
  std::shared_ptr<AnswerTally> answers_;
  TcpEndpoint endpoint_;
  std::string host_and_port_;
  std::string cookie_;
  std::string set_cookie_;
  std::string proof_;  // of proven_term_
  Term proven_term_;   // 0: of none yet
  std::size_t place_ = nowhere;
  std::optional<Instant> starts_since_;
  std::vector<std::unique_ptr<H1Call>> idle_;
  std::vector<std::shared_ptr<WorkerLink>> links_;  // of HTTP/2
  wire::WorkerProtocol of_service_ = wire::WorkerProtocol::http1;
  wire::WorkerProtocol protocol_ = wire::WorkerProtocol::http1;  // of new calls
  std::shared_ptr<const tandem::tls::WorkerTls> tls_;
  std::shared_ptr<WorkerLatency> latency_;
  IntrusiveList<UnansweredRequest> in_flight_;
  std::function<void()> place_freed_;
  Instant distrusted_until_ = Instant::never();
  unsigned loops_;
  unsigned open_ = 0;  // places of this loop: connections, idle ones included, or streams
  bool retired_ = false;
  bool announces_clients_ = false;
};

}  // namespace tandem::master
