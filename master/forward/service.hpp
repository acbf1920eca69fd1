// service.hpp: a service as one loop sees it: its workers' connections, its policy, and the
// requests that wait because all workers are full.
//
// Owner: the loop. Requests that wait are served first come, first served; their number and their
// time are bounded (ServiceOptions::queue here, ForwardTimeouts::queue_wait by the exchange):
// service_queue.cpp.
//
// A limit on requests in flight counts those of all loops. Loops that pick in the same instant may
// exceed it, each by one.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "master/balance/latency_window.hpp"
#include "master/balance/policy_factory.hpp"
#include "master/forward/deadline_wheel.hpp"
#include "master/forward/service_options.hpp"
#include "master/forward/upstream.hpp"

namespace tandem::master {

// Workers that one request has failed at and does not go back to. Small: a request has few
// attempts.
class Tried {
 public:
  void add(WorkerId worker) { workers_.push_back(worker); }
  bool contains(WorkerId worker) const;
  bool empty() const { return workers_.empty(); }
  void clear() { workers_.clear(); }

 private:
  std::vector<WorkerId> workers_;
};

class Service {
 public:
  struct Setup {
    std::shared_ptr<PolicyFactory> policies;  // never null
    ServiceOptions options{};                 // where its settings say nothing
    std::uint64_t seed = 1;
    unsigned loops = 1;
    std::function<void()> room_elsewhere{};  // room was made that another loop waits for
  };
  Service(Reactor& io, DeadlineWheel& wheel, std::string name, Setup setup);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  const std::string& name() const { return name_; }
  bool empty() const { return upstreams_.empty(); }
  // Some worker is registered for it, whether or not it gets traffic.
  bool is_registered() const { return registered_; }
  void set_registered(bool registered) { registered_ = registered; }

  // The workers and the settings from now on. Workers that left keep their requests in flight and
  // get no new ones.
  void update(const SnapshotService& snapshot);
  const ServiceOptions& options() const { return options_; }

  // What a request is placed by.
  struct Wanted {
    const Tried& tried;
    const wire::PolicySpec* policy = nullptr;  // of the route; null: the service's
    std::optional<std::uint64_t> key{};        // of consistent_hash
    std::string_view cookie{};                 // that the client brought; empty: none
  };
  // The worker for a request, among those that are not suspect, not tried, not ejected by their
  // breaker, and have room: the one that its cookie means, or else by the policy. When all that are
  // left are ejected, one of them; when none is, one of last resort. Null when there is none;
  // is_full() then tells why.
  std::shared_ptr<Upstream> pick(const Wanted& wanted);
  // Some worker would be picked if it had room.
  bool is_full(const Tried& tried) const;
  // One that is suspect may be well again by then, or until when it is held is not known yet.
  bool may_return_by(Instant time) const;
  // The value of Set-Cookie for a client that is served by `chosen`; empty when it sticks there
  // already, or elsewhere, where there was only no room at this moment.
  std::string_view cookie_for(const Upstream& chosen, const Wanted& wanted) const;

  // How a request went at a worker: for its breaker.
  void note(Upstream& upstream, Experience experience);
  // And for the policy, if it learns.
  bool learns() const;
  void learn(const Upstream& upstream, Experience experience, Duration latency, Instant now);

  // How long a worker took to the head of its answer, where that is asked for; and what all but one
  // in twenty requests take, once it is known.
  void note_latency(Duration latency) { latencies_.add(latency); }
  std::optional<Duration> usual_latency() const { return latencies_.at_quantile(); }

  // A request has come that may want more than one try; it may have one more, which a worker may
  // see as its second.
  void earn_retries() { retries_.earn(wheel_.coarse_now()); }
  bool may_retry() { return retries_.pay(wheel_.coarse_now()); }

  // Waits until room was made, or the time in the queue is over, or the queue is full, or the loop
  // stops.
  enum class Waited { room, timed_out, refused };
  // `timeout` bounds the wait; `in_front` for a request that has waited already and found nothing.
  // REQUIRES: a Queued is held, and nothing was found since it began.
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
  struct ChoosesBy {
    wire::PolicySpec spec;
    std::unique_ptr<Policy> policy;
    std::uint64_t since;  // policies_version_ when it came: it knows of no request before
  };

  friend class Placement;
  friend class Queued;
  void adopt(const SnapshotService& snapshot);
  void choose_by_own_policy();
  Policy& add_policy(const wire::PolicySpec& spec);
  Policy& policy_for(const wire::PolicySpec* spec);
  std::vector<Candidate> candidates() const;
  void room_made();
  bool has_room() const;
  bool has_room(const Upstream& upstream) const;
  bool is_limited() const { return options_.in_flight > 0 || options_.worker_in_flight > 0; }
  void resume_later(Waiter& waiter, Waited outcome);
  Upstream* stuck_to(std::string_view cookie) const;
  bool is_good(const Upstream& upstream, const Tried& tried) const;
  bool is_worth_a_trial(const Upstream& upstream, const Tried& tried) const;
  bool is_ejected(const Upstream& upstream) const;
  bool has_admitted(const Tried& tried) const;
  bool has_healthy(const Tried& tried) const;
  bool may_eject() const;
  void let_newcomers_start_slowly(const std::vector<Upstream*>& newcomers, bool was_empty);
  void weigh();

  Reactor& io_;
  DeadlineWheel& wheel_;
  std::string name_;
  const Setup setup_;
  ServiceOptions options_;  // with its settings
  std::shared_ptr<const wire::ServiceSettings> settings_;
  std::shared_ptr<ServiceCounters> counters_;
  std::vector<ChoosesBy> policies_;  // the service's first, then those that routes brought
  std::uint64_t policies_version_ = 0;
  RetryBudget retries_;
  LatencyWindow latencies_;
  std::vector<std::shared_ptr<Upstream>> upstreams_;  // same places as in the snapshot's service
  std::unordered_map<std::string_view, std::size_t> by_cookie_;  // places; keys are the upstreams'
  Instant may_return_at_ = Instant::forever();
  Instant serves_since_;  // when it got its first workers
  Deadline next_weighing_;
  std::list<Waiter*> waiters_;
  bool stopping_ = false;
  bool registered_ = true;
  bool has_last_resorts_ = false;  // among upstreams_
};

// A request that finds no room, as other loops see it. It looks once more after this has begun:
// whoever made room before told nobody.
class Queued {
 public:
  Queued() = default;
  ~Queued();
  Queued(const Queued&) = delete;
  Queued& operator=(const Queued&) = delete;

  bool has_begun() const { return begun_; }
  void begin(const Service& service);

 private:
  std::shared_ptr<ServiceCounters> counters_;  // that it is counted in
  bool begun_ = false;
};

// A request's place at a worker: counted as in flight from the choice to the end of the try,
// however it ends.
class Placement {
 public:
  Placement() = default;
  ~Placement() { end(); }
  Placement(const Placement&) = delete;
  Placement& operator=(const Placement&) = delete;

  // REQUIRES: none has begun, or it has ended.
  void begin(Service& service, std::shared_ptr<Upstream> upstream);
  // Does nothing when it has ended.
  void end();

 private:
  Service* service_ = nullptr;
  std::shared_ptr<Upstream> upstream_;
  std::uint64_t policies_version_ = 0;
  bool counted_ = false;  // among the service's requests in flight
  bool probes_ = false;   // it is the one request of a half-open breaker
};

}  // namespace tandem::master
