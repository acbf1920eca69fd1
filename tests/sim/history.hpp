// history.hpp: one seed's history from its beginning to its end or its first violation, and sums of
// many.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "tests/sim/profile.hpp"
#include "tests/sim/trace.hpp"
#include "tests/sim/world.hpp"

namespace tandem::sim {

struct History {
  std::uint64_t seed = 0;
  std::string profile;
  std::string violation;  // empty: none
  double simulated_seconds = 0;
  std::uint64_t digest = 0;  // equal histories have equal digests
  Statistics statistics;
  std::uint64_t elections = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t highest_term = 0;
};

// REQUIRES: profile is one of profile_names()
History run_history(std::uint64_t seed, const std::string& profile, SimTime length,
                    TraceOptions options);

struct Totals {
  std::uint64_t histories = 0;
  std::uint64_t violations = 0;
  double simulated_seconds = 0;
  Statistics statistics;
  std::uint64_t elections = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t digest = 0;

  void add(const History& history);
  std::string report(double cpu_seconds) const;
};

}  // namespace tandem::sim
