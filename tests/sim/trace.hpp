// trace.hpp: a history for people: one line for each event, or a sequence diagram in Mermaid's
// format.
//
// The steady heartbeat is left out unless asked for. Collecting costs time, so large runs do
// without it, and a failing seed is run again with it: the history is the same.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/clock_model.hpp"

namespace tandem::sim {

struct TraceOptions {
  bool text = false;     // print lines as they happen
  bool diagram = false;  // collect for to_mermaid()
  bool heartbeats = false;
  SimTime from{0};  // the window
  SimTime until = SimTime::max();
};

class Trace {
 public:
  explicit Trace(TraceOptions options) : options_(options) {}

  bool is_on(SimTime now) const {
    return (options_.text || options_.diagram) && now >= options_.from && now <= options_.until;
  }
  bool shows_heartbeats() const { return options_.heartbeats; }

  // Something happened at `who`.
  void note(SimTime now, const std::string& who, const std::string& what);
  // A message arrived (or, when `lost`, did not).
  void message(SimTime now, const std::string& from, const std::string& to, const std::string& what,
               bool lost);

  // From here on, times count from `zero`.
  void set_zero(SimTime zero) { zero_ = zero; }
  const std::vector<std::string>& lines() const { return lines_; }
  std::string to_mermaid(const std::vector<std::string>& participants) const;

 private:
  struct Item {
    SimTime at;
    std::string from, to, what;  // from empty: a note at `to`
    bool lost = false;
  };
  void line(SimTime now, const std::string& text);

  TraceOptions options_;
  SimTime zero_{0};
  std::vector<Item> items_;
  std::vector<std::string> lines_;  // the last ones
};

}  // namespace tandem::sim
