#include "master/metrics/exposition.hpp"

#include <limits>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include "common/base/assert.hpp"

namespace tandem::master::metrics {

namespace {

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

prometheus::MetricType type_of(Exposition::Kind kind) {
  switch (kind) {
    case Exposition::Kind::counter: return prometheus::MetricType::Counter;
    case Exposition::Kind::gauge: return prometheus::MetricType::Gauge;
    case Exposition::Kind::histogram: return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

}  // namespace

struct Exposition::Families {
  std::vector<prometheus::MetricFamily> all;

  prometheus::ClientMetric& sample(Labels labels) {
    TANDEM_ASSERT(!all.empty());
    auto& metric = all.back().metric.emplace_back();
    metric.label.reserve(labels.size());
    for (auto& [name, value] : labels) metric.label.push_back({std::move(name), std::move(value)});
    return metric;
  }
};

Exposition::Exposition() : families_(std::make_unique<Families>()) {}
Exposition::~Exposition() = default;

void Exposition::begin(Kind kind, std::string name, std::string help) {
  auto& all = families_->all;
  if (!all.empty() && all.back().metric.empty()) all.pop_back();
  all.push_back({std::move(name), std::move(help), type_of(kind), {}});
}

void Exposition::add(double value, Labels labels) {
  auto& metric = families_->sample(std::move(labels));
  if (families_->all.back().type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
}

void Exposition::add(const HistogramSums& sums, Labels labels) {
  auto& histogram = families_->sample(std::move(labels)).histogram;
  for (std::size_t bucket = 0; bucket < sums.buckets.size(); ++bucket) {
    histogram.sample_count += sums.buckets[bucket];
    const bool last = bucket == bucket_bounds.size();
    histogram.bucket.push_back(
        {histogram.sample_count,
         last ? std::numeric_limits<double>::infinity() : seconds(bucket_bounds[bucket])});
  }
  histogram.sample_sum = seconds(sums.total);
}

void Exposition::single(Kind kind, std::string name, std::string help, double value) {
  begin(kind, std::move(name), std::move(help));
  add(value);
}

std::string Exposition::text() const {
  const auto& all = families_->all;
  const prometheus::TextSerializer serializer;
  if (!all.empty() && all.back().metric.empty()) {
    return serializer.Serialize({all.begin(), all.end() - 1});
  }
  return serializer.Serialize(all);
}

}  // namespace tandem::master::metrics
