// service.hpp: a service as one loop sees it: its workers' connections, its policy, and the
// requests that wait because all workers are full.
//
// Owner: the loop. Requests that wait (QueueEntry, service_queue.cpp) are served in the order in
// which they came. Each keeps its place until it is served or gives up, even when it was woken and
// found no room. Their number and their time are bounded (ServiceOptions::queue here,
// ForwardTimeouts::queue_wait by the exchange). Room for one request wakes one request.
//
// A limit on requests in flight counts those of all loops. Loops that pick in the same instant may
// exceed it by one each.
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
#include "master/forward/workers/worker_latencies.hpp"

namespace tandem::master {

class QueueEntry;

// The workers that a request has failed at, and is not sent to again. Small, since a request has
// few attempts.
class ExcludedWorkers {
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
    ServiceOptions options{};                 // for what its settings leave open
    std::uint64_t seed = 1;
    unsigned loops = 1;
    std::function<void(unsigned)> room_elsewhere{};  // for so many requests of other loops
    WorkerLatencies* latencies = nullptr;            // of the loop; null: nobody measures
  };
  Service(Reactor& io, DeadlineWheel& wheel, std::string name, Setup setup);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  const std::string& name() const { return name_; }
  bool empty() const { return upstreams_.empty(); }
  // Some worker is registered for it, whether or not that worker gets traffic.
  bool is_registered() const { return registered_; }
  void set_registered(bool registered) { registered_ = registered; }

  // Replaces the workers and the settings. Workers that are gone finish their requests in flight,
  // and get no new ones.
  void update(const SnapshotService& snapshot);
  const ServiceOptions& options() const { return options_; }
  // Other defaults, for what its settings leave open.
  void use_defaults(const ServiceOptions& defaults);

  // What a worker is chosen by.
  struct PickCriteria {
    const ExcludedWorkers& excluded;
    const wire::PolicySpec* policy = nullptr;  // of the route; null: the service's
    std::optional<std::uint64_t> key{};        // for consistent_hash
    std::string_view cookie{};                 // the client's sticky cookie; empty: it sent none
  };
  // Chooses among the workers that have room and are neither suspect, nor excluded, nor ejected by
  // their breaker: the one that the cookie names, else the one that the policy picks. When only
  // ejected workers are left, it is one of those; when not even those, one of last resort. Null
  // when there is none; is_full() then tells why.
  std::shared_ptr<Upstream> pick(const PickCriteria& criteria);
  // Some worker would be picked if it had room.
  bool is_full(const ExcludedWorkers& excluded) const;
  // Some worker that is not ejected either would be.
  bool has_admitted(const ExcludedWorkers& excluded) const;
  // One that is suspect may be well again by then, or until when it is held is not known yet; or
  // one of last resort is on trial.
  bool may_return_by(Instant time) const;
  // The value of Set-Cookie for a client that is served by `chosen`; empty when it sticks there
  // already, or elsewhere, where there was only no room at this moment.
  std::string_view cookie_for(const Upstream& chosen, const PickCriteria& criteria) const;

  // Tells the worker's circuit breaker how a request ended there. True: that ejected the worker.
  bool record_result(Upstream& upstream, Experience experience);
  // Some policy learns from how requests end, and how long they take.
  bool policies_learn() const;
  void train_policies(const Upstream& upstream, Experience experience, Duration latency,
                      Instant now);

  // Records how long a worker took until the head of its answer. The 95th percentile of these
  // latencies, once enough are known.
  void record_latency(Duration latency) { latencies_.add(latency); }
  std::optional<Duration> usual_latency() const { return latencies_.at_quantile(); }

  // The retry budget: each request adds to it, and each retry that a worker may see as a repetition
  // is paid for. False: there is nothing left to pay with.
  void earn_retries() { retries_.earn(wheel_.coarse_now()); }
  bool may_retry() { return retries_.pay(wheel_.coarse_now()); }
  double retries_left() { return retries_.left(wheel_.coarse_now()); }

  // Why a request stopped waiting: there may be room; its time in the queue is over; the queue is
  // full, or the loop stops.
  enum class QueueResult { room, timed_out, refused };
  bool has_waiters() const { return waiting_ > 0; }
  bool has_sleepers() const { return !sleepers_.empty(); }
  // There is room for one more: the request that has waited longest looks again. False: none waits.
  bool wake_one();
  // There may be room for several: one after the other looks again, until one finds none.
  void wake_some();
  // There is room for one more, which a request of another loop may also take.
  void room_made();
  // A worker of last resort has answered its trial or failed it: all that wait look again.
  void trial_ended();
  // Requests in flight are limited: room is made when one ends, not when its connection is free.
  bool is_limited() const { return options_.in_flight > 0 || options_.worker_in_flight > 0; }
  // The loop ends: every waiting request is refused.
  void refuse_all();

  // Some request uses it, so it must stay.
  bool in_use() const { return uses_ > 0; }

  void close_idle_before(Instant oldest);
  std::vector<std::shared_ptr<Upstream>>& upstreams() { return upstreams_; }

 private:
  struct Sleeping;  // the awaitable of Queued::wait
  struct KnownPolicy {
    wire::PolicySpec spec;
    std::unique_ptr<Policy> policy;
    std::uint64_t since;  // policies_version_ when it was added: it saw no earlier request begin
  };

  friend class InFlightCount;
  friend class QueueEntry;
  friend class ServiceUse;
  void adopt(const SnapshotService& snapshot);
  void derive_options();
  void place_upstreams();
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
  void resume_later(QueueEntry& sleeper, QueueResult outcome);
  Upstream* sticky_upstream(std::string_view cookie) const;
  bool is_eligible(const Upstream& upstream, const ExcludedWorkers& excluded) const;
  bool may_try_last_resort(const Upstream& upstream, const ExcludedWorkers& excluded) const;
  bool is_ejected(const Upstream& upstream) const;
  bool has_healthy(const ExcludedWorkers& excluded) const;
  bool may_eject() const;
  void start_newcomers_slowly(const std::vector<Upstream*>& newcomers, bool was_empty);
  void update_weights();

  Reactor& io_;
  DeadlineWheel& wheel_;
  std::string name_;
  Setup setup_;
  unsigned sharers_ = 1;
  ServiceOptions options_;  // with its settings, and this master's share of its limits
  std::shared_ptr<const wire::ServiceSettings> settings_;
  std::shared_ptr<const tandem::tls::WorkerTls> tls_;  // with its workers; null: none
  std::shared_ptr<ServiceCounters> counters_;
  std::vector<KnownPolicy> policies_;  // the service's first, then those that routes brought
  std::uint64_t policies_version_ = 0;
  RetryBudget retries_;
  LatencyWindow latencies_;
  std::vector<std::shared_ptr<Upstream>> upstreams_;  // same places as in the snapshot's service
  std::unordered_map<std::string_view, std::size_t> by_cookie_;  // places; keys are the upstreams'
  Instant may_return_at_ = Instant::forever();
  Instant serves_since_;  // when it got its first workers
  Deadline next_weight_update_;
  std::list<QueueEntry*> sleepers_;  // by their tickets
  std::size_t waiting_ = 0;          // sleepers, and those that are awake to look once more
  std::uint64_t tickets_ = 0;
  std::size_t turn_ = 0;  // of this loop's requests and others', when room is made
  std::size_t uses_ = 0;
  bool stopping_ = false;
  bool registered_ = true;
  bool has_last_resorts_ = false;  // among upstreams_
};

// The place of a request in the queue of its service, from the moment when it found no room.
//
// Other loops see it in the count of waiting requests. After begin() it must look for room once
// more, since room that was made before that was announced to nobody. REQUIRES: the service is in
// use until it ends.
class QueueEntry {
 public:
  QueueEntry() = default;
  // Room that it was woken for and has not used goes to the next.
  ~QueueEntry();
  QueueEntry(const QueueEntry&) = delete;
  QueueEntry& operator=(const QueueEntry&) = delete;

  bool has_begun() const { return service_ != nullptr; }
  // False: the queue is full, or the loop stops.
  bool begin(Service& service);
  // It was woken, or nobody came before it.
  bool may_choose(const Service& service) const;
  // Ends its waiting soon, as refused.
  void give_up();
  // It has found room, and leaves the queue.
  void served() { served_ = true; }
  // Sleeps in its place until it is woken or refused, for `timeout` at most. `excluded`: workers
  // whose room it cannot use. REQUIRES: has_begun(), and it has looked and found no room.
  Task<Service::QueueResult> wait(Duration timeout, const ExcludedWorkers& excluded);

 private:
  friend class Service;
  void fall_asleep(std::coroutine_handle<> handle, Duration timeout);

  Service* service_ = nullptr;
  std::shared_ptr<ServiceCounters> counters_;  // that it is counted in
  std::uint64_t ticket_ = 0;
  std::coroutine_handle<> handle_;
  Deadline deadline_;
  std::list<QueueEntry*>::iterator place_;  // among the sleepers, while it is one
  Service::QueueResult outcome_ = Service::QueueResult::room;
  bool sleeps_ = false;
  bool awake_ = false;    // woken, and has not slept since
  bool in_turn_ = false;  // by wake_some()
  bool served_ = false;
};

// Keeps a service alive for a request, also when no worker is registered for it any more.
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

// Counts a request as in flight at a worker, from the choice to the end of the attempt, however it
// ends.
class InFlightCount {
 public:
  InFlightCount() = default;
  ~InFlightCount() { end(); }
  InFlightCount(const InFlightCount&) = delete;
  InFlightCount& operator=(const InFlightCount&) = delete;

  // REQUIRES: it counts nothing at the moment.
  void begin(Service& service, std::shared_ptr<Upstream> upstream);
  // Does nothing when it counts nothing.
  void end();

 private:
  Service* service_ = nullptr;
  std::shared_ptr<Upstream> upstream_;
  std::uint64_t policies_version_ = 0;
  bool counted_ = false;  // in the service's requests in flight, too
  bool probes_ = false;   // it is the one request of a half-open breaker
};

}  // namespace tandem::master
