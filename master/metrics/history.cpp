#include "master/metrics/history.hpp"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "master/metrics/limits.hpp"

namespace tandem::master::metrics {

namespace {

double ms_of(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

}  // namespace

double quantile_ms(const std::array<std::uint64_t, bucket_bounds.size() + 1>& buckets,
                   double part) {
  const auto total = std::accumulate(buckets.begin(), buckets.end(), std::uint64_t{0});
  if (total == 0) return 0;
  const double rank = part * static_cast<double>(total);
  double below = 0;
  for (std::size_t i = 0; i < bucket_bounds.size(); ++i) {
    const double lower = i == 0 ? 0 : ms_of(bucket_bounds[i - 1]);
    const auto here = static_cast<double>(buckets[i]);
    if (here > 0 && below + here >= rank) {
      return lower + (ms_of(bucket_bounds[i]) - lower) * (rank - below) / here;
    }
    below += here;
  }
  return ms_of(bucket_bounds.back());
}

History::Sums History::sums_of(const Traffic& traffic) {
  Sums sums;
  const auto add = [&](const auto& by_protocol, const HistogramSums& duration) {
    for (const auto& by_outcome : by_protocol) {
      sums.requests += std::accumulate(by_outcome.begin(), by_outcome.end(), std::uint64_t{0});
      sums.errors += by_outcome[static_cast<std::size_t>(Outcome::server_error)] +
                     by_outcome[static_cast<std::size_t>(Outcome::closed)];
      sums.refused += by_outcome[static_cast<std::size_t>(Outcome::client_error)];
    }
    for (std::size_t i = 0; i < duration.buckets.size(); ++i) {
      sums.duration.buckets[i] += duration.buckets[i];
    }
  };
  for (const auto& [name, service] : traffic.services) {
    add(service.requests, service.duration);
    add(service.passed_on, service.passed_on_duration);
  }
  return sums;
}

void History::observe(const Traffic& traffic, std::int64_t second) {
  if (second <= newest_) return;
  waiting_.clear();
  for (const auto& [name, service] : traffic.services) {
    if (service.waiting > 0) waiting_[name] = service.waiting;
  }
  auto sums = sums_of(traffic);
  if (newest_ != 0) {
    const auto missing = std::min<std::int64_t>(second - newest_ - 1, limits::history_seconds);
    points_.resize(points_.size() + static_cast<std::size_t>(missing));
    HistogramSums during;
    for (std::size_t i = 0; i < during.buckets.size(); ++i) {
      during.buckets[i] = sums.duration.buckets[i] - last_.duration.buckets[i];
    }
    points_.push_back({.requests = sums.requests - last_.requests,
                       .errors = sums.errors - last_.errors,
                       .refused = sums.refused - last_.refused,
                       .p50_ms = quantile_ms(during.buckets, 0.5),
                       .p99_ms = quantile_ms(during.buckets, 0.99)});
    while (points_.size() > limits::history_seconds) points_.pop_front();
  }
  newest_ = second;
  last_ = sums;
}

std::string History::to_json(const std::string& node, std::int64_t since) const {
  const auto begin = newest_ - static_cast<std::int64_t>(points_.size()) + 1;
  const auto skipped = static_cast<std::size_t>(
      std::clamp<std::int64_t>(since - begin + 1, 0, static_cast<std::int64_t>(points_.size())));
  auto text = fmt::format(R"({{"node":"{}","step_s":1,"begin":{})", node,
                          begin + static_cast<std::int64_t>(skipped));
  const auto add = [&](const char* name, auto value_of) {
    text += fmt::format(R"(,"{}":[)", name);
    for (auto i = skipped; i < points_.size(); ++i) {
      text += fmt::format("{}{}", i == skipped ? "" : ",", value_of(points_[i]));
    }
    text += "]";
  };
  add("requests", [](const HistoryPoint& point) { return point.requests; });
  add("errors", [](const HistoryPoint& point) { return point.errors; });
  add("refused", [](const HistoryPoint& point) { return point.refused; });
  add("p50_ms", [](const HistoryPoint& point) { return fmt::format("{:.4g}", point.p50_ms); });
  add("p99_ms", [](const HistoryPoint& point) { return fmt::format("{:.4g}", point.p99_ms); });
  text += R"(,"waiting":{)";
  for (const auto& [name, waiting] : waiting_) {
    text += fmt::format(R"({}"{}":{})", name == waiting_.begin()->first ? "" : ",", name, waiting);
  }
  return text + "}}";
}

}  // namespace tandem::master::metrics
