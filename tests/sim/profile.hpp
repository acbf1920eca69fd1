// profile.hpp: the kind of cluster of a seed, and its faults.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/core/options.hpp"
#include "common/base/splitmix64.hpp"

namespace tandem::sim {

enum class FaultKind : std::size_t {
  kill,           // a process ends; its connections are reset, and new ones refused
  power_loss,     // a machine ends silently, and loses its unfinished writes
  freeze,         // a process stands still, and finds its inbox full afterwards
  cut,            // two machines cannot talk
  cut_one_way,    // one hears the other, but not the other way
  isolate,        // one machine is cut off from all, or from all but one
  split,          // two halves
  loss,           // messages get lost and repeated
  delay,          // messages take long, and overtake each other
  replay,         // messages of long ago arrive again
  slow_disk,      // writes take long
  full_disk,      // writes are refused for a while, those under way done in part
  lost_disk,      // a machine comes back with an empty disk
  clock_rate,     // a clock runs fast or slow, within the bound
  clock_jump,     // a clock jumps ahead: outside the bound
  clock_stall,    // a clock stands still with its process: outside the bound
  worker_leaves,  // a worker goes for longer than it is remembered
  mass_reboot,    // all workers end at once, and come back
  all_restart,    // every process of the cluster ends, and comes back
  handover,       // the primary is asked to hand over
  count,
};
inline constexpr std::size_t fault_kinds = static_cast<std::size_t>(FaultKind::count);
const char* to_string(FaultKind kind);

struct Profile {
  std::string name;
  std::array<unsigned, fault_kinds> weights{};
  Duration mean_gap{4s};  // between two faults
  unsigned masters_min = 2, masters_max = 2;
  unsigned spare_masters = 0;  // that operators may add, and all others remove; 0: no operators
  bool pair_failover = true;
  unsigned workers_min = 1, workers_max = 4;
  bool witnesses = true;  // workers have state directories
  unsigned ambush_percent =
      0;  // of elections, and of changes of who votes, that the primary does not outlive for long
  bool lenient = false;  // two masters cut off from each other, and no third: see pair_mode.hpp
  bool grants = false;   // every master serves (R11), and operators drain workers
  bool default_timing = false;
  bool single_entries = false;  // each append carries one entry, so that they can be told apart
};

// Known profiles, by the names that --faults takes.
std::vector<std::string> profile_names();
// "fresh" picks another one for each seed.
std::optional<Profile> find_profile(std::string_view name, SplitMix64& random);

}  // namespace tandem::sim
