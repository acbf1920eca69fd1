#include "master/forward/service.hpp"

#include <algorithm>
#include <unordered_map>

#include <boost/asio/post.hpp>

#include "common/base/limits.hpp"

namespace tandem::master {

bool Tried::contains(WorkerId worker) const {
  return std::find(workers_.begin(), workers_.end(), worker) != workers_.end();
}

Service::Service(asio::io_context& io, DeadlineWheel& wheel, std::string name,
                 std::unique_ptr<Policy> policy, unsigned loops)
    : io_(io), wheel_(wheel), name_(std::move(name)), policy_(std::move(policy)), loops_(loops) {}

Service::~Service() {
  TANDEM_ASSERT(waiters_.empty());
  for (auto& upstream : upstreams_) upstream->retire();
}

void Service::update(const SnapshotService& snapshot) {
  std::unordered_map<WorkerId, std::shared_ptr<Upstream>> known;
  for (auto& upstream : upstreams_) known.emplace(upstream->worker().id, std::move(upstream));
  upstreams_.clear();
  for (const auto& worker : snapshot.workers) {
    const auto found = known.find(worker->id);
    if (found == known.end()) {
      upstreams_.push_back(std::make_shared<Upstream>(worker, loops_));
    } else {
      found->second->update(worker);
      upstreams_.push_back(std::move(found->second));
      known.erase(found);
    }
  }
  for (auto& [id, gone] : known) gone->retire();
  policy_->update(snapshot);
  wake_all();
}

std::shared_ptr<Upstream> Service::pick(const Tried& tried) {
  const auto usable = [&](std::size_t index) {
    const auto& upstream = *upstreams_[index];
    return !upstream.counters().suspect.load(std::memory_order_relaxed) &&
           !tried.contains(upstream.worker().id) && upstream.has_room();
  };
  const auto chosen = policy_->pick(usable);
  return chosen ? upstreams_[*chosen] : nullptr;
}

bool Service::is_full(const Tried& tried) const {
  return std::any_of(upstreams_.begin(), upstreams_.end(), [&](const auto& upstream) {
    return !upstream->counters().suspect.load(std::memory_order_relaxed) &&
           !tried.contains(upstream->worker().id);
  });
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

void Service::close_idle_before(Instant oldest) {
  for (auto& upstream : upstreams_) upstream->close_idle_before(oldest);
}

}  // namespace tandem::master
