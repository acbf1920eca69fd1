#include "master/metrics/exposition.hpp"

#include <iterator>

#include <fmt/format.h>

#include "common/base/assert.hpp"

namespace tandem::master::metrics {

namespace {

const char* name_of(Exposition::Kind kind) {
  switch (kind) {
    case Exposition::Kind::counter: return "counter";
    case Exposition::Kind::gauge: return "gauge";
    case Exposition::Kind::histogram: return "histogram";
  }
  return "untyped";
}

void add_value(std::string& text, std::string_view value) {
  for (const char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    if (c == '\n') {
      text += "\\n";
    } else {
      text += c;
    }
  }
}

}  // namespace

void Exposition::begin(Kind kind, std::string name, std::string help) {
  kind_ = kind;
  name_ = std::move(name);
  help_ = std::move(help);
  has_samples_ = false;
}

void Exposition::add_header() {
  TANDEM_ASSERT(!name_.empty());
  has_samples_ = true;
  fmt::format_to(std::back_inserter(text_), "# HELP {} {}\n# TYPE {} {}\n", name_, help_, name_,
                 name_of(kind_));
}

// `bound`: of a bucket; empty: it is none.
void Exposition::add_sample(std::string_view suffix, const Labels& labels, std::string_view bound,
                            double value) {
  if (!has_samples_) add_header();
  text_.append(name_).append(suffix);
  char before = '{';
  const auto add_label = [&](std::string_view name, std::string_view label) {
    text_ += std::exchange(before, ',');
    text_.append(name).append("=\"");
    add_value(text_, label);
    text_ += '"';
  };
  for (const auto& [name, label] : labels) add_label(name, label);
  if (!bound.empty()) add_label("le", bound);
  if (before == ',') text_ += '}';
  fmt::format_to(std::back_inserter(text_), " {}\n", value);
}

void Exposition::add(double value, const Labels& labels) { add_sample({}, labels, {}, value); }

void Exposition::add(const HistogramSums& sums, const Labels& labels) {
  std::uint64_t count = 0;
  for (std::size_t bucket = 0; bucket < sums.buckets.size(); ++bucket) {
    count += sums.buckets[bucket];
    const bool is_last = bucket == bucket_bounds.size();
    const auto bound = is_last ? "+Inf" : fmt::format("{}", seconds(bucket_bounds[bucket]));
    add_sample("_bucket", labels, bound, static_cast<double>(count));
  }
  add_sample("_sum", labels, {}, seconds(sums.total));
  add_sample("_count", labels, {}, static_cast<double>(count));
}

void Exposition::single(Kind kind, std::string name, std::string help, double value) {
  begin(kind, std::move(name), std::move(help));
  add(value);
}

}  // namespace tandem::master::metrics
