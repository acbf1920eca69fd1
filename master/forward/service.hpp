// service.hpp: a service as one loop sees it: its workers' connections, its policy, and the
// requests that wait because all workers are full.
//
// Owner: the loop. Requests that wait are served first come, first served; their number and their
// time are bounded (limits::queue_requests_max here, ForwardTimeouts::queue_wait by the exchange).
#pragma once

#include <list>
#include <memory>
#include <string>
#include <vector>

#include "master/balance/policy.hpp"
#include "master/forward/deadline_wheel.hpp"
#include "master/forward/upstream.hpp"

namespace tandem::master {

// Workers that one request has failed at and does not go back to. Small: a request has few
// attempts.
class Tried {
 public:
  void add(WorkerId worker) { workers_.push_back(worker); }
  bool contains(WorkerId worker) const;
  bool empty() const { return workers_.empty(); }

 private:
  std::vector<WorkerId> workers_;
};

class Service {
 public:
  Service(asio::io_context& io, DeadlineWheel& wheel, std::string name,
          std::unique_ptr<Policy> policy, unsigned loops);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  const std::string& name() const { return name_; }
  bool empty() const { return upstreams_.empty(); }
  // Some worker is registered for it, whether or not it gets traffic.
  bool is_registered() const { return registered_; }
  void set_registered(bool registered) { registered_ = registered; }

  // The workers from now on. Those that left keep their requests in flight and get no new ones.
  void update(const SnapshotService& snapshot);

  // The worker for a request, by the policy, among those that are not suspect, not tried, and have
  // room. Null when there is none; is_full() then tells why.
  std::shared_ptr<Upstream> pick(const Tried& tried);
  // Some worker would be picked if it had room.
  bool is_full(const Tried& tried) const;

  // Waits until room was made, or the time in the queue is over, or the queue is full, or the loop
  // stops.
  enum class Waited { room, timed_out, refused };
  // `timeout` bounds the wait; `in_front` for a request that has waited already and found nothing.
  Task<Waited> wait_for_room(Duration timeout, bool in_front);
  bool has_waiters() const { return !waiters_.empty(); }
  // Room was made: the request that waits longest tries again.
  void wake_one();
  void wake_all();
  // The loop ends: who waits is refused.
  void refuse_all();

  void close_idle_before(Instant oldest);
  std::vector<std::shared_ptr<Upstream>>& upstreams() { return upstreams_; }

 private:
  struct Waiter {
    std::coroutine_handle<> handle;
    Deadline deadline;
    Service* service = nullptr;
    std::list<Waiter*>::iterator place;
    Waited outcome = Waited::room;
    bool queued = false;
  };
  struct Queueing;  // the awaitable of wait_for_room

  void resume_later(Waiter& waiter, Waited outcome);

  asio::io_context& io_;
  DeadlineWheel& wheel_;
  std::string name_;
  std::unique_ptr<Policy> policy_;
  unsigned loops_;
  std::vector<std::shared_ptr<Upstream>> upstreams_;  // same places as in the snapshot's service
  std::list<Waiter*> waiters_;
  bool stopping_ = false;
  bool registered_ = true;
};

}  // namespace tandem::master
