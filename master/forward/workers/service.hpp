// service.hpp: a service as one loop sees it: its workers' connections, its policy, and the
// requests that wait because all workers are full.
//
// Owner: the loop. Requests that wait (Queued, service_queue.cpp) are served in the order in which
// they came. Each keeps its place until it is served or gives up: one that was woken and found no
// room too. Their number and their time are bounded (ServiceOptions::queue here,
// ForwardTimeouts::queue_wait by the exchange). Room for one request wakes one request.
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
#include "master/forward/io/deadline_wheel.hpp"
#include "master/forward/workers/service_options.hpp"
#include "master/forward/workers/upstream.hpp"

namespace tandem::master {

class Queued;

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
    std::function<void()> room_elsewhere{};  // room for one was made that another loop waits for
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

  // Why a request waits no more: there may be room; its time in the queue is over; the queue is
  // full, or the loop stops.
  enum class Waited { room, timed_out, refused };
  bool has_waiters() const { return waiting_ > 0; }
  bool has_sleepers() const { return !sleepers_.empty(); }
  // There is room for one more: the request that waits longest tries again. False: none sleeps.
  bool wake_one();
  // There may be room for more than one: one after the other tries again, until one finds none.
  void wake_some();
  // There is room for one more that another loop may take as well.
  void room_made();
  // Room is made when a request ends, not when its connection is free.
  bool is_limited() const { return options_.in_flight > 0 || options_.worker_in_flight > 0; }
  // The loop ends: who waits is refused.
  void refuse_all();

  // Requests are in it: it must stay.
  bool in_use() const { return uses_ > 0; }

  void close_idle_before(Instant oldest);
  std::vector<std::shared_ptr<Upstream>>& upstreams() { return upstreams_; }

 private:
  struct Sleeping;  // the awaitable of Queued::wait
  struct ChoosesBy {
    wire::PolicySpec spec;
    std::unique_ptr<Policy> policy;
    std::uint64_t since;  // policies_version_ when it came: it knows of no request before
  };

  friend class Placement;
  friend class Queued;
  friend class ServiceUse;
  void adopt(const SnapshotService& snapshot);
  void choose_by_own_policy();
  Policy& add_policy(const wire::PolicySpec& spec);
  Policy& policy_for(const wire::PolicySpec* spec);
  std::vector<Candidate> candidates() const;
  void take(const std::vector<std::shared_ptr<const SnapshotWorker>>& workers,
            std::vector<Upstream*>& newcomers);
  void keep(std::shared_ptr<Upstream> upstream, const std::shared_ptr<const SnapshotWorker>& worker,
            std::vector<Upstream*>& newcomers);
  bool has_room() const;
  bool has_room(const Upstream& upstream) const;
  bool wake_after(std::uint64_t ticket, bool in_turn);
  void resume_later(Queued& sleeper, Waited outcome);
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
  std::list<Queued*> sleepers_;  // by their tickets
  std::size_t waiting_ = 0;      // sleepers, and those that are awake to look once more
  std::uint64_t tickets_ = 0;
  std::size_t turn_ = 0;  // of this loop's requests and others', when room is made
  std::size_t uses_ = 0;
  bool stopping_ = false;
  bool registered_ = true;
  bool has_last_resorts_ = false;  // among upstreams_
};

// The place of a request in the queue of its service, from the moment that it finds no room.
//
// Other loops see it by the count of those that wait. It looks once more after it has begun:
// whoever made room before told nobody. REQUIRES: the service is in use until it ends.
class Queued {
 public:
  Queued() = default;
  // What it was woken for and has not taken goes to the next.
  ~Queued();
  Queued(const Queued&) = delete;
  Queued& operator=(const Queued&) = delete;

  bool has_begun() const { return service_ != nullptr; }
  // False: the queue is full, or the loop stops.
  bool begin(Service& service);
  // It is woken, or nobody came before it.
  bool may_choose(const Service& service) const;
  // It waits no more: refused, soon.
  void give_up();
  // It has found room, and leaves the queue.
  void served() { served_ = true; }
  // Sleeps in its place until it is woken or refused, for `timeout` at most. `tried`: what it does
  // not go back to. REQUIRES: has_begun(), and it has looked and found no room.
  Task<Service::Waited> wait(Duration timeout, const Tried& tried);

 private:
  friend class Service;
  void fall_asleep(std::coroutine_handle<> handle, Duration timeout);

  Service* service_ = nullptr;
  std::shared_ptr<ServiceCounters> counters_;  // that it is counted in
  std::uint64_t ticket_ = 0;
  std::coroutine_handle<> handle_;
  Deadline deadline_;
  std::list<Queued*>::iterator place_;  // among the sleepers, while it is one
  Service::Waited outcome_ = Service::Waited::room;
  bool sleeps_ = false;
  bool awake_ = false;    // woken, and has not slept since
  bool in_turn_ = false;  // by wake_some()
  bool served_ = false;
};

// Keeps a service that nobody is registered for any more.
class ServiceUse {
 public:
  ServiceUse() = default;
  ~ServiceUse() {
    if (service_ != nullptr) --service_->uses_;
  }
  ServiceUse(const ServiceUse&) = delete;
  ServiceUse& operator=(const ServiceUse&) = delete;

  // REQUIRES: get() == nullptr
  void begin(Service& service) {
    TANDEM_ASSERT(service_ == nullptr);
    service_ = &service;
    ++service.uses_;
  }
  Service* get() const { return service_; }

 private:
  Service* service_ = nullptr;
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
