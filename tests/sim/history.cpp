#include "tests/sim/history.hpp"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "common/base/duration.hpp"
#include "tests/sim/hash.hpp"

namespace tandem::sim {

History run_history(std::uint64_t seed, const std::string& name, SimTime length,
                    TraceOptions options) {
  SplitMix64 random(seed);
  const auto profile = find_profile(name, random);
  TANDEM_ASSERT(profile.has_value());
  Trace trace(options);
  History history{.seed = seed, .profile = profile->name, .violation = {}, .statistics = {}};
  World world(random.next(), *profile, trace);
  try {
    world.run(length);
  } catch (const Violation& violation) {
    history.violation = violation.what();
    if (options.text) fmt::print("{:>14}  VIOLATION {}\n", "", violation.what());
  }
  history.simulated_seconds = static_cast<double>(world.now().count()) / 1e9;
  history.digest = world.digest();
  history.statistics = world.statistics();
  history.elections = world.checker().elections();
  history.acknowledged = world.checker().acknowledged_count();
  history.highest_term = world.checker().highest_term().value();
  if (options.diagram) fmt::print("{}", trace.to_mermaid(world.names()));
  return history;
}

void Totals::add(const History& history) {
  ++histories;
  violations += history.violation.empty() ? 0 : 1;
  simulated_seconds += history.simulated_seconds;
  elections += history.elections;
  acknowledged += history.acknowledged;
  digest = mix(digest, history.digest);
  const auto& more = history.statistics;
  for (std::size_t i = 0; i < fault_kinds; ++i) statistics.faults[i] += more.faults[i];
  statistics.events += more.events;
  statistics.messages += more.messages;
  statistics.healings += more.healings;
  statistics.longest_healing = std::max(statistics.longest_healing, more.longest_healing);
  statistics.requests += more.requests;
  statistics.refused_requests += more.refused_requests;
  statistics.answers += more.answers;
  statistics.drains += more.drains;
  statistics.granted_requests += more.granted_requests;
  statistics.longest_drain = std::max(statistics.longest_drain, more.longest_drain);
}

std::string Totals::report(double cpu_seconds) const {
  std::uint64_t injected = 0;
  std::string kinds;
  for (std::size_t i = 0; i < fault_kinds; ++i) {
    if (statistics.faults[i] == 0) continue;
    injected += statistics.faults[i];
    kinds +=
        fmt::format("  {:<14} {}\n", to_string(static_cast<FaultKind>(i)), statistics.faults[i]);
  }
  const double hours = simulated_seconds / 3600;
  const double cpu = std::max(cpu_seconds, 1e-9);
  std::string text = fmt::format("histories {}\nsimulated hours {:.2f}\nfaults injected {}\n{}",
                                 histories, hours, injected, kinds);
  text += fmt::format(
      "elections {}\nacknowledged changes {}, questions answered {}\nrequests forwarded {}, "
      "refused by workers {}\n",
      elections, acknowledged, statistics.answers, statistics.requests,
      statistics.refused_requests);
  text +=
      fmt::format("under grants {} requests, drains answered {}, the last one after {} ms\n",
                  statistics.granted_requests, statistics.drains, to_ms(statistics.longest_drain));
  text += fmt::format("healed {} times, at most {} ms after the faults stopped\n",
                      statistics.healings, to_ms(statistics.longest_healing));
  text += fmt::format("messages {}, events {}, trace digest {:016x}\n", statistics.messages,
                      statistics.events, digest);
  text += fmt::format(
      "cpu seconds {:.2f}, simulated hours per CPU minute {:.1f}, times faster than real time "
      "{:.0f}\nviolations {}\n",
      cpu_seconds, hours / cpu * 60, simulated_seconds / cpu, violations);
  return text;
}

}  // namespace tandem::sim
