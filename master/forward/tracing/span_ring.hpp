// span_ring.hpp: the spans of one loop, on their way to the thread that sends them: no lock, no
// allocation, no system call; without room a span is dropped and counted. Owner: push() the loop,
// take() the sender, dropped() any thread.
#pragma once

#include <atomic>
#include <memory>

#include "common/base/histogram.hpp"
#include "master/forward/tracing/span.hpp"

namespace tandem::master {

class SpanRing {
 public:
  SpanRing() : spans_(new Span[limits::spans_waiting_max]) {}

  void push(const Span& span) {
    const auto tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_.load(std::memory_order_acquire) == limits::spans_waiting_max) {
      dropped_.add();
      return;
    }
    spans_[tail % limits::spans_waiting_max] = span;
    tail_.store(tail + 1, std::memory_order_release);
  }
  // The oldest is copied to `span`; false: there is none.
  bool take(Span& span) {
    const auto head = head_.load(std::memory_order_relaxed);
    if (head == tail_.load(std::memory_order_acquire)) return false;
    span = spans_[head % limits::spans_waiting_max];
    head_.store(head + 1, std::memory_order_release);
    return true;
  }
  std::uint64_t dropped() const { return dropped_.value(); }

 private:
  const std::unique_ptr<Span[]> spans_;
  alignas(64) std::atomic<std::uint64_t> tail_{0};  // only grows, as head_
  Counter dropped_;
  alignas(64) std::atomic<std::uint64_t> head_{0};
};

}  // namespace tandem::master
