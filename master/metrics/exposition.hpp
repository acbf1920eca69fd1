// exposition.hpp: metrics as Prometheus reads them: its text format 0.0.4, written by
// prometheus-cpp.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "master/metrics/histogram.hpp"

namespace tandem::master::metrics {

using Labels = std::vector<std::pair<std::string, std::string>>;

class Exposition {
 public:
  enum class Kind { counter, gauge, histogram };
  static constexpr const char* content_type = "text/plain; version=0.0.4; charset=utf-8";

  Exposition();
  ~Exposition();
  Exposition(const Exposition&) = delete;
  Exposition& operator=(const Exposition&) = delete;

  // Begins a metric, of which what is added next are the samples. Without any it is left out.
  void begin(Kind kind, std::string name, std::string help);
  void add(double value, Labels labels = {});
  void add(const HistogramSums& sums, Labels labels = {});
  // A metric with one sample and no labels.
  void single(Kind kind, std::string name, std::string help, double value);
  std::string text() const;

 private:
  struct Families;

  std::unique_ptr<Families> families_;
};

}  // namespace tandem::master::metrics
