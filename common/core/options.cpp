#include "common/core/options.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "common/base/duration.hpp"

namespace tandem::core {

namespace {

Result<> validate_timing(const Timing& timing) {
  if (timing.heartbeat <= Duration::zero()) {
    return invalid("cluster-heartbeat must be longer than 0", "cluster-heartbeat");
  }
  if (timing.election_timeout < 3 * timing.heartbeat) {
    return invalid(
        fmt::format("election-timeout ({}) must be at least three times cluster-heartbeat ({}), "
                    "or one lost message would look like a dead primary",
                    tandem::to_string(timing.election_timeout),
                    tandem::to_string(timing.heartbeat)),
        "election-timeout");
  }
  if (timing.election_timeout > Duration(5min)) {
    return invalid(fmt::format("election-timeout ({}) must be at most 5m",
                               tandem::to_string(timing.election_timeout)),
                   "election-timeout");
  }
  if (timing.clock_margin <= Duration::zero()) {
    return invalid("clock-margin must be longer than 0, because no two clocks run at the same rate",
                   "clock-margin");
  }
  if (timing.clock_margin >= timing.election_timeout - 2 * timing.heartbeat) {
    return invalid(
        fmt::format("clock-margin ({}) must leave a lease of more than two cluster-heartbeats ({}) "
                    "of election-timeout ({})",
                    tandem::to_string(timing.clock_margin), tandem::to_string(timing.heartbeat),
                    tandem::to_string(timing.election_timeout)),
        "clock-margin");
  }
  return {};
}

Result<> validate_masters(const Options& options) {
  auto masters = options.masters;
  std::sort(masters.begin(), masters.end());
  if (options.kind == VoterKind::witness) {
    if (!masters.empty())
      return invalid("a witness takes its masters from the log, not from a list", "peer");
    return {};
  }
  if (masters.size() > limits::masters_max) {
    return invalid(fmt::format("a cluster has at most {} masters, not {}", limits::masters_max,
                               masters.size()),
                   "peer");
  }
  if (std::adjacent_find(masters.begin(), masters.end()) != masters.end()) {
    return invalid("every master must have a name of its own", "peer");
  }
  if (!std::binary_search(masters.begin(), masters.end(), options.self.node)) {
    return invalid("the list of masters must name this node too", "peer");
  }
  return {};
}

}  // namespace

Result<> Options::validate() const {
  if (self.node.empty()) return invalid("node must have a name", "node");
  if (self.incarnation.value() == 0) {
    return invalid("the data directory must carry an incarnation that is not 0", "data-dir");
  }
  if (append_entries_max == 0 || append_entries_max > limits::append_entries_max) {
    return invalid(fmt::format("append-entries-max must be 1 to {}", limits::append_entries_max),
                   "append-entries-max");
  }
  if (log_entries_max == 0 || log_entries_max > limits::log_entries_max) {
    return invalid(fmt::format("log-entries-max must be 1 to {}", limits::log_entries_max),
                   "log-entries-max");
  }
  if (auto checked = validate_timing(timing); !checked) return checked;
  return validate_masters(*this);
}

}  // namespace tandem::core
