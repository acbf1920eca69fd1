// histogram.hpp: how long something took, by buckets that suit requests: from half a millisecond to
// half a minute, each about twice the one before.
//
// Owner: one thread observes, any thread reads. Relaxed: each bucket is a number of its own, so a
// reader may see an observation in its bucket and not yet in the sum.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "common/base/time.hpp"

namespace tandem {

// A number that one thread counts up and any thread reads, without a locked instruction.
class Counter {
 public:
  void add(std::uint64_t amount = 1) { value_.store(value() + amount, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// A number that one thread moves up and down and any thread reads.
class Gauge {
 public:
  void add(std::int64_t amount) { set(value() + amount); }
  void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

// The upper bounds of the buckets, inclusive; what is above the last one is in one more.
inline constexpr std::array<Duration, 15> bucket_bounds{
    std::chrono::microseconds(500), std::chrono::milliseconds(1),   std::chrono::microseconds(2500),
    std::chrono::milliseconds(5),   std::chrono::milliseconds(10),  std::chrono::milliseconds(25),
    std::chrono::milliseconds(50),  std::chrono::milliseconds(100), std::chrono::milliseconds(250),
    std::chrono::milliseconds(500), std::chrono::seconds(1),        std::chrono::milliseconds(2500),
    std::chrono::seconds(5),        std::chrono::seconds(10),       std::chrono::seconds(30)};

struct HistogramSums {
  std::array<std::uint64_t, bucket_bounds.size() + 1> buckets{};  // not cumulative
  Duration total{0};
};

class Histogram {
 public:
  void observe(Duration took) {
    std::size_t bucket = 0;
    while (bucket < bucket_bounds.size() && took > bucket_bounds[bucket]) ++bucket;
    buckets_[bucket].add();
    total_ns_.add(static_cast<std::uint64_t>(took.count()));
  }

  void add_to(HistogramSums& sums) const {
    for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
      sums.buckets[bucket] += buckets_[bucket].value();
    }
    sums.total += Duration(static_cast<Duration::rep>(total_ns_.value()));
  }

 private:
  std::array<Counter, bucket_bounds.size() + 1> buckets_;
  Counter total_ns_;
};

}  // namespace tandem
