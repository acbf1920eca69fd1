#include "master/forward/exchange/primary_route.hpp"

#include "common/base/clock.hpp"
#include "master/forward/exchange/limits.hpp"
#include "master/forward/exchange/watched_deadline.hpp"
#include "master/registry/limits.hpp"

namespace tandem::master {

LeadershipWatch::LeadershipWatch(PrimaryRoute& route, const Upstream& primary,
                                 MessageStream& stream, Repeatable repeatable)
    : route_(route), primary_(primary), stream_(stream), repeatable_(repeatable) {
  route_.watches_.push_front(*this);
  patience_.on_expiry([](void* context) { static_cast<LeadershipWatch*>(context)->ask(); }, this);
}

LeadershipWatch::~LeadershipWatch() { route_.watches_.remove(*this); }

void LeadershipWatch::supersede() {
  if (superseded_) return;
  superseded_ = true;
  if (repeatable_ == Repeatable::yes) return give_up();
  ask();
}

void LeadershipWatch::ask() { route_.former_.ask(primary_.shared_from_this()); }

void LeadershipWatch::give_up() {
  given_up_ = true;
  stream_.cancel();
}

PrimaryRoute::PrimaryRoute(Context& context)
    : context_(context),
      leadership_(std::make_shared<Leadership>()),
      service_(context.io(), context.wheel(), "primary", {.policies = context.options().policies}),
      former_(context.io(), context.wheel(),
              [this](const Upstream& master, bool is_there) { judge_former(master, is_there); }) {}

PrimaryRoute::~PrimaryRoute() {
  TANDEM_ASSERT(waiters_.empty());
  TANDEM_ASSERT(watches_.empty());
}

void PrimaryRoute::publish(LeadershipPtr leadership) {
  context_.assert_here();
  const auto knows_primary = [](const Leadership& any) {
    return any.is_primary || !any.primary.empty();
  };
  if (knows_primary(*leadership_) && !knows_primary(*leadership)) primary_lost_ = now();
  leadership_ = std::move(leadership);
  ++version_;
  follow_primary();
  while (!waiters_.empty()) resume_later(*waiters_.front(), WaitResult::changed);
}

void PrimaryRoute::follow_primary() {
  SnapshotService primary{service_.name(), {}};
  if (!leadership_->is_primary) {
    // While nobody is known to lead, the last one may be the next, and answer what it has.
    if (!leadership_->primary_takes()) return;
    auto worker = std::make_shared<SnapshotWorker>();
    worker->name = "master:" + leadership_->primary;
    worker->address = *leadership_->primary_takes();
    worker->tls = leadership_->primary_tls;
    if (!service_.empty()) {
      const auto& followed = service_.upstreams().front()->worker();
      const bool is_same = followed.name == worker->name && followed.address == worker->address &&
                           followed.tls == worker->tls;
      if (is_same) return;
    }
    worker->id = WorkerId(++primaries_);
    worker->weight = 1;
    worker->connections = limits::primary_connections_max;
    worker->counters = std::make_shared<WorkerCounters>();
    primary.workers.push_back(std::move(worker));
  }
  service_.update(primary);
  const Upstream* followed = service_.empty() ? nullptr : service_.upstreams().front().get();
  watches_.for_each([followed](LeadershipWatch& watch) {
    if (&watch.primary_ != followed) watch.supersede();
  });
}

// Of those who wait for it: they have been superseded, and are not asking for themselves.
void PrimaryRoute::judge_former(const Upstream& master, bool is_there) {
  watches_.for_each([&](LeadershipWatch& watch) {
    if (&watch.primary_ != &master || !watch.superseded_ || watch.patience_.armed()) return;
    if (!is_there) return watch.give_up();
    context_.arm(watch.patience_, limits::superseded_answer_max);
  });
}

std::string_view PrimaryRoute::not_ready(Instant now) const {
  // One that leads has a lease, or will step down within an election timeout; requests wait.
  if (leadership_->is_primary || is_open(now, Term())) return {};
  if (leadership_->primary_takes()) {
    if (context_.options().standby_traffic != StandbyTraffic::refuse) return {};
    return "This master stands by and refuses clients.";
  }
  const bool just_lost =
      primary_lost_ != Instant::never() && now < primary_lost_ + context_.options().takeover_wait;
  return just_lost ? std::string_view() : "This master knows no primary.";
}

bool PrimaryRoute::is_open(Instant now, Term at_least) const {
  const auto term = context_.options().gate->may_forward(now);
  return term && (*term == Term() || *term >= at_least);  // under a grant no term is told
}

struct PrimaryRoute::Waiter {
  Waiter(PrimaryRoute& primary_route, MessageStream& client, Term least)
      : route(primary_route), deadline(primary_route.context_.wheel(), client), at_least(least) {}

  PrimaryRoute& route;
  WatchedDeadline deadline;
  Term at_least;
  std::coroutine_handle<> handle;
  std::list<Waiter*>::iterator place;
  WaitResult outcome = WaitResult::changed;
  bool waits = false;
};

struct PrimaryRoute::Waiting {
  Waiter waiter;
  Duration timeout;
  bool may_probe;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    auto& waiters = waiter.route.waiters_;
    waiter.handle = handle;
    waiter.waits = true;
    waiter.place = waiters.insert(waiters.end(), &waiter);
    waiter.deadline.on_expiry(
        [](void* context) {
          auto& expired = *static_cast<Waiter*>(context);
          const bool gone = expired.deadline.client_gone();
          expired.route.resume_later(expired,
                                     gone ? WaitResult::client_gone : WaitResult::timed_out);
        },
        &waiter);
    waiter.deadline.arm_watching(timeout, may_probe);
  }
  WaitResult await_resume() const noexcept { return waiter.outcome; }
};

Task<PrimaryRoute::WaitResult> PrimaryRoute::wait_for_change(MessageStream& client, bool may_probe,
                                                             Wait wait) {
  if (stopping_) co_return WaitResult::refused;
  if (version_ != wait.seen || is_open(now(), wait.at_least)) co_return WaitResult::changed;
  if (waiters_.size() >= limits::takeover_waiters_max) co_return WaitResult::refused;
  Waiting waiting{{*this, client, wait.at_least}, wait.timeout, may_probe};
  const auto outcome = co_await waiting;
  co_return outcome;
}

void PrimaryRoute::look_at_gate(Instant now) {
  if (waiters_.empty()) return;
  for (auto place = waiters_.begin(); place != waiters_.end();) {
    auto& waiter = **place++;
    if (is_open(now, waiter.at_least)) resume_later(waiter, WaitResult::changed);
  }
}

void PrimaryRoute::resume_later(Waiter& waiter, WaitResult outcome) {
  TANDEM_ASSERT(waiter.waits);
  waiters_.erase(waiter.place);
  waiter.waits = false;
  waiter.deadline.disarm();
  waiter.outcome = outcome;
  context_.io().resume_later(waiter.handle);
}

void PrimaryRoute::refuse_all() {
  stopping_ = true;
  former_.abort();
  service_.refuse_all();
  while (!waiters_.empty()) resume_later(*waiters_.front(), WaitResult::refused);
}

}  // namespace tandem::master
