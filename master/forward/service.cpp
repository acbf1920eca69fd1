#include "master/forward/service.hpp"

#include <algorithm>
#include <unordered_map>

#include <boost/asio/post.hpp>
#include <spdlog/spdlog.h>

#include "common/base/limits.hpp"

namespace tandem::master {

bool Tried::contains(WorkerId worker) const {
  return std::find(workers_.begin(), workers_.end(), worker) != workers_.end();
}

Service::Service(asio::io_context& io, DeadlineWheel& wheel, std::string name,
                 std::unique_ptr<Policy> policy, const BalanceOptions& balance, unsigned loops)
    : io_(io),
      wheel_(wheel),
      name_(std::move(name)),
      policy_(std::move(policy)),
      learns_(policy_->learns()),
      sticky_(balance.sticky),
      slow_start_(balance.slow_start),
      breaker_(balance.breaker),
      retries_(loops),
      loops_(loops) {
  next_weighing_.on_expiry([](void* service) { static_cast<Service*>(service)->weigh(); }, this);
}

Service::~Service() {
  TANDEM_ASSERT(waiters_.empty());
  for (auto& upstream : upstreams_) upstream->retire();
}

void Service::update(const SnapshotService& snapshot) {
  std::unordered_map<WorkerId, std::shared_ptr<Upstream>> known;
  std::vector<Upstream*> newcomers;
  const bool was_empty = upstreams_.empty();
  for (auto& upstream : upstreams_) known.emplace(upstream->worker().id, std::move(upstream));
  upstreams_.clear();
  for (const auto& worker : snapshot.workers) {
    const auto found = known.find(worker->id);
    if (found == known.end()) {
      upstreams_.push_back(std::make_shared<Upstream>(worker, loops_, sticky_));
      newcomers.push_back(upstreams_.back().get());
    } else {
      found->second->update(worker);
      upstreams_.push_back(std::move(found->second));
      known.erase(found);
    }
  }
  for (auto& [id, gone] : known) gone->retire();
  by_cookie_.clear();
  for (std::size_t place = 0; place < upstreams_.size(); ++place) {
    upstreams_[place]->stand_at(place);
    if (sticky_.is_on()) by_cookie_.emplace(upstreams_[place]->cookie(), place);
  }
  let_newcomers_start_slowly(newcomers, was_empty);
  weigh();
  wake_all();
}

void Service::let_newcomers_start_slowly(const std::vector<Upstream*>& newcomers, bool was_empty) {
  const auto now = wheel_.coarse_now();
  if (was_empty) serves_since_ = now;
  if (!slow_start_.applies(now - serves_since_)) return;
  for (auto* newcomer : newcomers) newcomer->start_slowly(now);
}

// Tells the policy what each worker weighs now, and comes again while some are starting.
void Service::weigh() {
  const auto now = wheel_.coarse_now();
  std::size_t starting = 0;
  for (auto& upstream : upstreams_) {
    const auto since = upstream->starts_since();
    if (since && now - *since >= slow_start_.over) upstream->start_no_more();
    if (upstream->starts_since()) ++starting;
  }
  const bool spared = SlowStart::can_be_spared(starting, upstreams_.size());
  std::vector<Candidate> candidates;
  candidates.reserve(upstreams_.size());
  for (const auto& upstream : upstreams_) {
    const auto& worker = upstream->worker();
    TANDEM_ASSERT(worker.weight > 0);
    Candidate candidate{.id = worker.id,
                        .name = worker.name,
                        .weight = static_cast<double>(worker.weight),
                        .full_weight = static_cast<double>(worker.weight),
                        .counters = worker.counters};
    const auto since = upstream->starts_since();
    if (since && spared) candidate.weight *= slow_start_.part(now - *since);
    candidates.push_back(std::move(candidate));
  }
  policy_->update(candidates);
  if (starting > 0) wheel_.arm(next_weighing_, slow_start_.step());
}

bool Service::is_good(const Upstream& upstream, const Tried& tried) const {
  return !upstream.counters().suspect.load(std::memory_order_relaxed) &&
         !tried.contains(upstream.worker().id);
}

bool Service::is_ejected(const Upstream& upstream) const {
  return !CircuitBreaker::admits(upstream.counters(), wheel_.coarse_now());
}

// At most half of a service is out by its breakers.
bool Service::may_eject() const {
  const auto out = std::count_if(upstreams_.begin(), upstreams_.end(), [](const auto& upstream) {
    return upstream->counters().ejected_until.load(std::memory_order_relaxed) != 0;
  });
  return (static_cast<std::size_t>(out) + 1) * 2 <= upstreams_.size();
}

void Service::note(Upstream& upstream, Experience experience) {
  auto& counters = upstream.counters();
  if (experience == Experience::good) {
    if (!CircuitBreaker::succeeded(counters)) return;
    spdlog::info("worker readmitted name={} service={}", upstream.worker().name, name_);
    wake_all();
    return;
  }
  const auto now = wheel_.coarse_now();
  if (!breaker_.failed(counters, now)) return;
  const bool is_out = counters.ejected_until.load(std::memory_order_relaxed) != 0;
  if (!is_out && !may_eject()) return;
  const auto open_for = breaker_.open(counters, now);
  spdlog::warn("worker ejected name={} service={} for_ms={} reason=\"fails requests in a row\"",
               upstream.worker().name, name_, open_for / 1ms);
}

Upstream* Service::stuck_to(std::string_view cookie) const {
  if (cookie.empty()) return nullptr;
  const auto found = by_cookie_.find(cookie);
  return found == by_cookie_.end() ? nullptr : upstreams_[found->second].get();
}

std::shared_ptr<Upstream> Service::pick(const Wanted& wanted) {
  const auto usable = [&](std::size_t place) {
    const auto& upstream = *upstreams_[place];
    return is_good(upstream, wanted.tried) && !is_ejected(upstream) && upstream.has_room();
  };
  if (const auto* stuck = stuck_to(wanted.cookie); stuck != nullptr && usable(stuck->place())) {
    return upstreams_[stuck->place()];
  }
  Placing placing{.usable = usable,
                  .key = wanted.key,
                  .again = !wanted.tried.empty(),
                  .now = wheel_.coarse_now()};
  auto chosen = policy_->pick(placing);
  if (!chosen && !has_admitted(wanted.tried)) {
    // Panic: who fails may yet answer, who is not asked does not.
    const auto left = [&](std::size_t place) {
      return is_good(*upstreams_[place], wanted.tried) && upstreams_[place]->has_room();
    };
    placing.usable = Usable(left);
    chosen = policy_->pick(placing);
  }
  return chosen ? upstreams_[*chosen] : nullptr;
}

// Some worker that is not ejected would be picked if it had room.
bool Service::has_admitted(const Tried& tried) const {
  return std::any_of(upstreams_.begin(), upstreams_.end(), [&](const auto& upstream) {
    return is_good(*upstream, tried) && !is_ejected(*upstream);
  });
}

std::string_view Service::cookie_for(const Upstream& chosen, const Wanted& wanted) const {
  const auto* stuck = stuck_to(wanted.cookie);
  const bool stays = stuck != nullptr && (stuck == &chosen || is_good(*stuck, wanted.tried));
  return stays ? std::string_view() : chosen.set_cookie();
}

void Service::learn(const Upstream& upstream, Experience experience, Duration latency,
                    Instant now) {
  if (upstream.place() != Upstream::nowhere) {
    policy_->learn(upstream.place(), experience, latency, now);
  }
}

bool Service::is_full(const Tried& tried) const {
  return std::any_of(upstreams_.begin(), upstreams_.end(),
                     [&](const auto& upstream) { return is_good(*upstream, tried); });
}

struct Service::Queueing {
  Service& service;
  Duration timeout;
  bool in_front;
  Waiter waiter{};

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    waiter.handle = handle;
    waiter.service = &service;
    waiter.queued = true;
    waiter.place = service.waiters_.insert(
        in_front ? service.waiters_.begin() : service.waiters_.end(), &waiter);
    waiter.deadline.on_expiry(
        [](void* context) {
          auto& expired = *static_cast<Waiter*>(context);
          expired.service->resume_later(expired, Waited::timed_out);
        },
        &waiter);
    service.wheel_.arm(waiter.deadline, timeout);
  }
  Waited await_resume() const noexcept { return waiter.outcome; }
};

Task<Service::Waited> Service::wait_for_room(Duration timeout, bool in_front) {
  if (stopping_ || waiters_.size() >= limits::queue_requests_max) co_return Waited::refused;
  Queueing queueing{*this, timeout, in_front};
  const auto outcome = co_await queueing;
  co_return outcome;
}

void Service::resume_later(Waiter& waiter, Waited outcome) {
  TANDEM_ASSERT(waiter.queued);
  waiters_.erase(waiter.place);
  waiter.queued = false;
  waiter.deadline.disarm();
  waiter.outcome = outcome;
  asio::post(io_, [handle = waiter.handle] { handle.resume(); });
}

void Service::wake_one() {
  if (!waiters_.empty()) resume_later(*waiters_.front(), Waited::room);
}

void Service::wake_all() {
  while (!waiters_.empty()) wake_one();
}

void Service::refuse_all() {
  stopping_ = true;
  while (!waiters_.empty()) resume_later(*waiters_.front(), Waited::refused);
}

void Placement::begin(Service& service, std::shared_ptr<Upstream> upstream) {
  TANDEM_ASSERT(upstream_ == nullptr);
  service_ = &service;
  upstream_ = std::move(upstream);
  upstream_->counters().in_flight.fetch_add(1, std::memory_order_relaxed);
  service_->policy_->began(upstream_->place());
  probes_ = CircuitBreaker::begin_probe(upstream_->counters(), service_->wheel_.coarse_now());
}

void Placement::end() {
  if (!upstream_) return;
  upstream_->counters().in_flight.fetch_sub(1, std::memory_order_relaxed);
  if (upstream_->place() != Upstream::nowhere) service_->policy_->ended(upstream_->place());
  if (probes_) CircuitBreaker::end_probe(upstream_->counters());
  probes_ = false;
  upstream_.reset();
}

void Service::close_idle_before(Instant oldest) {
  for (auto& upstream : upstreams_) upstream->close_idle_before(oldest);
}

}  // namespace tandem::master
