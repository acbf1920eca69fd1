// top_screen.hpp: what `tandem top` shows, as text: the cluster in a few lines, and its workers.
// Pure.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "common/base/time.hpp"
#include "common/wire/status.hpp"
#include "ctl/measures.hpp"

namespace tandem::ctl {

// Requests and failures of workers a second, from two statuses of the same master.
class Rates {
 public:
  struct OfWorker {
    double requests = 0;
    double failures = 0;
  };
  // `at` never goes back. Another master counts otherwise than `counted_by`, and so does one that
  // was started again: then there are none until the next time.
  void observe(const wire::Status& status, const std::string& counted_by, Instant at);
  // Null: not known.
  const OfWorker* of(const std::string& worker) const;

 private:
  std::string counted_by_;
  Instant at_;
  std::map<std::string, wire::WorkerStatus> before_;
  std::map<std::string, OfWorker> rates_;
};

enum class SortBy { name, requests, failures, in_flight, p99, state };
inline constexpr std::size_t sorts = 6;
const char* to_string(SortBy sort);

struct TopView {
  std::string asked;                 // the address of the master whose status it is
  std::string trouble;               // with another one, or with all; empty: none
  std::string note{};                // about the counts of workers; empty: none
  std::optional<Duration> silent{};  // since when no master has answered; none: one does
  Measures measures{};
  SortBy sort = SortBy::name;
  bool reversed = false;
  bool paused = false;
};

// Without keys to press, for pipes.
std::string top_text(const wire::Status& status, const Rates& rates, const TopView& view);
// As many lines and columns as there are, the last line with the keys.
std::string top_screen(const wire::Status& status, const Rates& rates, const TopView& view,
                       std::size_t lines, std::size_t columns);

}  // namespace tandem::ctl
