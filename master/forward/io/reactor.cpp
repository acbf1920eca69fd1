#include "master/forward/io/reactor.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <utility>

#include <boost/asio/error.hpp>

#include "common/base/assert.hpp"
#include "common/base/clock.hpp"
#include "master/forward/io/limits.hpp"

namespace tandem::master {

namespace {

constexpr std::size_t events_max = 256;        // of one epoll_wait
constexpr std::size_t descriptors_grown = 64;  // are made at a time
constexpr std::uint32_t in_events = EPOLLIN | EPOLLRDHUP | EPOLLET;
constexpr std::uint32_t end_events = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

int checked(int descriptor) {
  TANDEM_ASSERT(descriptor >= 0);
  return descriptor;
}

bool control(int epoll, int operation, int fd, std::uint32_t events, void* pointer) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = pointer;
  return epoll_ctl(epoll, operation, fd, &event) == 0;
}

}  // namespace

struct Reactor::Posted {
  std::function<void()> function;
  Posted* next;
};

Reactor::Reactor()
    : epoll_(checked(epoll_create1(EPOLL_CLOEXEC))),
      wake_up_(checked(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))) {
  const bool watched = control(epoll_, EPOLL_CTL_ADD, wake_up_, EPOLLIN | EPOLLET, nullptr);
  TANDEM_ASSERT(watched);
}

Reactor::~Reactor() {
  TANDEM_ASSERT(waiting_ == 0);
  for (Posted* each = posted_.load(); each != nullptr;) delete std::exchange(each, each->next);
  ::close(wake_up_);
  ::close(epoll_);
}

void Reactor::post(std::function<void()> function) {
  Posted* before = posted_.load(std::memory_order_relaxed);
  auto* posted = new Posted{std::move(function), before};
  while (!posted_.compare_exchange_weak(before, posted, std::memory_order_acq_rel)) {
    posted->next = before;
  }
  if (before != nullptr) return;  // who posted that one wakes the thread
  const std::uint64_t one = 1;
  // It can only fail when it is full of wake-ups that have not been seen.
  [[maybe_unused]] const auto written = ::write(wake_up_, &one, sizeof one);
}

void Reactor::run_posted() {
  Posted* newest = posted_.exchange(nullptr, std::memory_order_acq_rel);
  Posted* oldest = nullptr;
  while (newest != nullptr) {
    Posted* const following = std::exchange(newest->next, oldest);
    oldest = std::exchange(newest, following);
  }
  while (oldest != nullptr) {
    const std::unique_ptr<Posted> posted(std::exchange(oldest, oldest->next));
    posted->function();
  }
}

void Reactor::resume_all_later() {
  resuming_.swap(later_);
  for (const auto& waiter : resuming_) waiter.resume();
  resuming_.clear();
}

int Reactor::wait_ms(Instant now) const {
  if (!later_.empty() || now >= next_tick_) return 0;
  auto until = next_tick_;
  if (!alarms_.empty()) until = std::clamp(alarms_.begin()->first, now, until);
  return static_cast<int>((until - now + 1ms - 1ns) / 1ms);
}

Alarm::~Alarm() { unset(); }

void Alarm::unset() {
  if (reactor_ == nullptr) return;
  reactor_->alarms_.erase({at_, this});
  reactor_ = nullptr;
}

void Reactor::set(Alarm& alarm, Instant at) {
  TANDEM_ASSERT(!alarm.is_set());
  alarm.reactor_ = this;
  alarm.at_ = at;
  alarms_.emplace(at, &alarm);
}

void Reactor::ring(Instant now) {
  while (!alarms_.empty() && alarms_.begin()->first <= now) {
    Alarm& due = *alarms_.begin()->second;
    due.unset();
    due.function_(due.context_);
  }
}

void Reactor::run(Duration period, const Timed& tick, const Timed& stalled) {
  auto at = now();
  next_tick_ = at + period;
  const auto look_for_stall = [&] {
    if (at <= next_tick_ + limits::stall_min || !stalled) return;
    stalled(at);
    next_tick_ = at;
  };
  while (kept_ || waiting_ > 0 || !later_.empty() || !alarms_.empty()) {
    std::array<epoll_event, events_max> events;
    const int count = epoll_wait(epoll_, events.data(), events_max, wait_ms(at));
    TANDEM_ASSERT(count >= 0 || errno == EINTR);
    caught_up_ = count >= 0 && static_cast<std::size_t>(count) < events.size();
    at = now();
    look_for_stall();
    turn({events.data(), static_cast<std::size_t>(std::max(count, 0))});
    at = now();
    look_for_stall();
    if (!alarms_.empty()) ring(at);
    if (at < next_tick_) continue;
    next_tick_ = at + period;
    tick(at);
    recycle_closed();
    at = now();
  }
  run_posted();
}

void Reactor::turn(std::span<const epoll_event> seen) {
  ++rounds_;
  bool woken = false;
  for (const auto& event : seen) {
    if (event.data.ptr != nullptr) {
      note(*static_cast<Descriptor*>(event.data.ptr), event.events);
    } else {
      woken = true;
    }
  }
  // What was posted goes first: a thread that was told of a change finds it made at every loop.
  if (woken) {
    std::uint64_t wake_ups;
    [[maybe_unused]] const auto got = ::read(wake_up_, &wake_ups, sizeof wake_ups);
    run_posted();
  }
  for (const auto& event : seen) {
    if (event.data.ptr != nullptr) {
      dispatch(*static_cast<Descriptor*>(event.data.ptr), event.events);
    }
  }
  resume_all_later();
  recycle_closed();
}

void Reactor::note(Descriptor& descriptor, std::uint32_t events) {
  if ((events & (EPOLLIN | end_events)) == 0) return;
  descriptor.readable = true;
  if ((events & end_events) != 0) descriptor.ended = true;
  if (descriptor.on_stir != nullptr) descriptor.on_stir(descriptor.keeper);
}

void Reactor::dispatch(Descriptor& descriptor, std::uint32_t events) {
  if (descriptor.fd < 0) return;  // closed by an earlier event of this batch
  // Who has read it since it was noted may wait for the next edge.
  if (descriptor.readable && descriptor.reader != nullptr) complete(descriptor.reader, descriptor);
  if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0 && descriptor.writer != nullptr) {
    complete(descriptor.writer, descriptor);
  }
}

void Reactor::complete(Operation*& waiting, Descriptor& descriptor) {
  if (!waiting->attempt(*waiting, descriptor)) return;
  --waiting_;
  std::exchange(waiting, nullptr)->waiter.resume();
}

void Reactor::abort(Operation*& waiting) {
  if (waiting == nullptr) return;
  --waiting_;
  waiting->result = {boost::asio::error::operation_aborted, 0};
  later_.push_back(std::exchange(waiting, nullptr)->waiter);
}

Descriptor* Reactor::take_descriptor() {
  if (free_ == nullptr) {
    descriptors_.push_back(std::make_unique<Descriptor[]>(descriptors_grown));
    for (std::size_t i = 0; i < descriptors_grown; ++i) {
      Descriptor& made = descriptors_.back()[i];
      made.next_free = std::exchange(free_, &made);
    }
  }
  return std::exchange(free_, free_->next_free);
}

Descriptor* Reactor::adopt(int fd, Watch watch) {
  TANDEM_ASSERT(fd >= 0);
  Descriptor* descriptor = take_descriptor();
  *descriptor = {.reactor = this, .fd = fd, .readable = watch == Watch::later};
  // One that fails now is tried again, and fails, with the first to wait.
  if (watch != Watch::later) this->watch(*descriptor, watch == Watch::in_and_out);
  return descriptor;
}

ErrorCodeOs Reactor::watch(Descriptor& descriptor, bool out) {
  const int operation = descriptor.watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  const auto events = in_events | (out ? EPOLLOUT : 0u);
  if (!control(epoll_, operation, descriptor.fd, events, &descriptor)) {
    return {errno, boost::system::system_category()};
  }
  descriptor.watched = true;
  descriptor.watches_out = out;
  return {};
}

// It does not wait, for nobody would wake it.
void Reactor::fail(Operation& operation, const ErrorCodeOs& error) {
  operation.result = {error, 0};
  later_.push_back(operation.waiter);
}

void Reactor::cancel(Descriptor& descriptor) {
  abort(descriptor.reader);
  abort(descriptor.writer);
}

void Reactor::close(Descriptor& descriptor) {
  TANDEM_ASSERT(descriptor.fd >= 0);
  cancel(descriptor);
  ::close(std::exchange(descriptor.fd, -1));  // takes it out of the epoll as well
  descriptor.next_free = std::exchange(closed_, &descriptor);
}

int Reactor::release(Descriptor& descriptor) {
  TANDEM_ASSERT(descriptor.fd >= 0);
  cancel(descriptor);
  if (descriptor.watched) control(epoll_, EPOLL_CTL_DEL, descriptor.fd, 0, nullptr);
  descriptor.next_free = std::exchange(closed_, &descriptor);
  return std::exchange(descriptor.fd, -1);
}

void Reactor::recycle_closed() {
  while (closed_ != nullptr) {
    Descriptor* const each = std::exchange(closed_, closed_->next_free);
    each->next_free = std::exchange(free_, each);
  }
}

void Reactor::wait_to_read(Descriptor& descriptor, Operation& operation) {
  TANDEM_ASSERT(descriptor.reader == nullptr);
  if (!descriptor.watched) {
    if (const auto error = watch(descriptor, false)) return fail(operation, error);
  }
  descriptor.reader = &operation;
  ++waiting_;
}

void Reactor::wait_to_write(Descriptor& descriptor, Operation& operation) {
  TANDEM_ASSERT(descriptor.writer == nullptr);
  if (!descriptor.watches_out) {
    if (const auto error = watch(descriptor, true)) return fail(operation, error);
  }
  descriptor.writer = &operation;
  ++waiting_;
}

}  // namespace tandem::master
