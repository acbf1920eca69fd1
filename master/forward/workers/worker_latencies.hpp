// worker_latencies.hpp: how long each worker takes for an answer lately, as one loop sees it.
//
// A worker's buckets are made when the loop learns of it, and go with it. They are halved after
// each thousand answers, so that they follow changes. Owner: add() and observe() the loop, add_to()
// any thread. No lock is taken for a request: only when a worker joins, and by who reads.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "common/base/histogram.hpp"
#include "common/base/mutex.hpp"

namespace tandem::master {

using LatencyBuckets = decltype(HistogramSums::buckets);

class WorkerLatency {
 public:
  static constexpr unsigned halved_after = 1'000;

  // The head of an answer, or a short one as a whole, came after so long.
  void observe(Duration took) {
    std::size_t bucket = 0;
    while (bucket < bucket_bounds.size() && took > bucket_bounds[bucket]) ++bucket;
    set(buckets_[bucket], value(buckets_[bucket]) + 1);
    if (++observed_ < halved_after) return;
    observed_ = 0;
    for (auto& each : buckets_) set(each, value(each) / 2);
  }
  // Any thread.
  void add_to(LatencyBuckets& sums) const {
    for (std::size_t bucket = 0; bucket < sums.size(); ++bucket) {
      sums[bucket] += value(buckets_[bucket]);
    }
  }

 private:
  using Bucket = std::atomic<std::uint32_t>;
  // Only the loop writes, so a load and a store are enough.
  static std::uint32_t value(const Bucket& bucket) {
    return bucket.load(std::memory_order_relaxed);
  }
  static void set(Bucket& bucket, std::uint32_t value) {
    bucket.store(value, std::memory_order_relaxed);
  }

  std::array<Bucket, bucket_bounds.size() + 1> buckets_{};
  unsigned observed_ = 0;  // since they were halved
};

using LatencyByWorker = std::map<std::string, LatencyBuckets>;

class WorkerLatencies {
 public:
  // Of a worker that has joined. It is told of as long as somebody holds the result.
  std::shared_ptr<WorkerLatency> add(const std::string& worker) {
    const Lock lock(mutex_);
    if (of_.size() >= forget_at_) {
      std::erase_if(of_, [](const auto& each) { return each.second.expired(); });
      forget_at_ = std::max(forget_at_min, 2 * of_.size());
    }
    auto latency = std::make_shared<WorkerLatency>();
    of_.emplace(worker, latency);
    return latency;
  }
  // Any thread.
  void add_to(LatencyByWorker& sums) const {
    const Lock lock(mutex_);
    for (const auto& [worker, latency] : of_) {
      if (const auto there = latency.lock()) there->add_to(sums[worker]);
    }
  }
  std::size_t size() const {
    const Lock lock(mutex_);
    return of_.size();
  }

 private:
  static constexpr std::size_t forget_at_min = 64;

  mutable Mutex mutex_;
  std::multimap<std::string, std::weak_ptr<WorkerLatency>> of_ TANDEM_GUARDED_BY(mutex_);
  std::size_t forget_at_ TANDEM_GUARDED_BY(mutex_) = forget_at_min;  // those that have gone
};

}  // namespace tandem::master
