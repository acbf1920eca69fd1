// latency_window.hpp: a high quantile of a service's recent response times. A histogram has four
// buckets for each doubling, so the result is at most a quarter too long; its counts are halved
// after each thousand requests, so that it follows changes.
//
// Adding is O(1); reading is O(1) on average. There is no result before `samples_min` samples.
// Owner: a service, on its loop.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <optional>

#include "common/base/time.hpp"

namespace tandem::master {

class LatencyWindow {
 public:
  static constexpr double quantile = 0.95;
  static constexpr unsigned samples_min = 50;

  void add(Duration latency) {
    ++buckets_[bucket_of(latency)];
    if (++count_ < halved_at) return refresh_sometimes();
    count_ = 0;
    for (auto& bucket : buckets_) count_ += bucket /= 2;
    refresh_sometimes();
  }

  // The upper end of the bucket that the quantile falls into.
  std::optional<Duration> at_quantile() const { return value_; }

 private:
  static constexpr unsigned parts = 4;                // of a doubling
  static constexpr unsigned shortest_log2 = 14;       // 16 µs: shorter ones count as that
  static constexpr std::size_t buckets = 30 * parts;  // up to 4.9 hours
  static constexpr unsigned halved_at = 1'000;
  static constexpr unsigned refreshed_every = 50;

  static std::size_t bucket_of(Duration latency) {
    const auto ns = static_cast<std::uint64_t>(
        std::max<Duration::rep>(latency.count(), Duration::rep{1} << shortest_log2));
    const auto log2 = static_cast<unsigned>(std::bit_width(ns)) - 1;
    const auto part = static_cast<unsigned>(ns >> (log2 - 2)) & (parts - 1);
    return std::min<std::size_t>((log2 - shortest_log2) * parts + part, buckets - 1);
  }
  static Duration upper_end(std::size_t bucket) {
    const auto log2 = bucket / parts + shortest_log2;
    const auto part = bucket % parts + 1;
    return Duration((std::int64_t{1} << log2) +
                    static_cast<std::int64_t>(part) * (std::int64_t{1} << (log2 - 2)));
  }

  void refresh_sometimes() {
    if (++since_refreshed_ < refreshed_every || count_ < samples_min) return;
    since_refreshed_ = 0;
    auto above = static_cast<std::uint64_t>(count_ * (1 - quantile));
    for (std::size_t bucket = buckets; bucket-- > 0;) {
      if (buckets_[bucket] > above) {
        value_ = upper_end(bucket);
        return;
      }
      above -= buckets_[bucket];
    }
  }

  std::array<std::uint32_t, buckets> buckets_{};
  std::uint32_t count_ = 0;
  unsigned since_refreshed_ = 0;
  std::optional<Duration> value_;
};

}  // namespace tandem::master
