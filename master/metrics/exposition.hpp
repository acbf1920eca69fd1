// exposition.hpp: metrics as Prometheus reads them: its text format 0.0.4.
//
// Written straight into the text: with prometheus-cpp's serializer, which wants every sample as a
// tree of strings first, ten thousand workers took several times as long.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/histogram.hpp"

namespace tandem::master::metrics {

using Labels = std::vector<std::pair<std::string, std::string>>;

// As metrics tell times.
inline double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

class Exposition {
 public:
  enum class Kind { counter, gauge, histogram };
  static constexpr const char* content_type = "text/plain; version=0.0.4; charset=utf-8";

  // Begins a metric, of which what is added next are the samples. Without any it is left out.
  void begin(Kind kind, std::string name, std::string help);
  void add(double value, const Labels& labels = {});
  void add(const HistogramSums& sums, const Labels& labels = {});
  // A metric with one sample and no labels.
  void single(Kind kind, std::string name, std::string help, double value);
  const std::string& text() const { return text_; }

 private:
  void add_header();
  void add_sample(std::string_view suffix, const Labels& labels, std::string_view bound,
                  double value);

  std::string text_;
  Kind kind_ = Kind::gauge;
  std::string name_;  // of the metric that is being added to; empty: there is none
  std::string help_;
  bool has_samples_ = false;
};

}  // namespace tandem::master::metrics
