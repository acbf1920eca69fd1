#include "tests/sim/profile.hpp"

#include <initializer_list>
#include <utility>

#include "common/base/assert.hpp"

namespace tandem::sim {

namespace {

using Weights = std::initializer_list<std::pair<FaultKind, unsigned>>;
using enum FaultKind;

Profile with(std::string name, Weights weights) {
  Profile profile;
  profile.name = std::move(name);
  for (const auto& [kind, weight] : weights)
    profile.weights[static_cast<std::size_t>(kind)] = weight;
  return profile;
}

Profile everything() {
  Profile profile = with("all", {{kill, 8},
                                 {power_loss, 4},
                                 {freeze, 6},
                                 {cut, 4},
                                 {cut_one_way, 4},
                                 {isolate, 4},
                                 {split, 3},
                                 {loss, 3},
                                 {delay, 3},
                                 {replay, 4},
                                 {slow_disk, 4},
                                 {full_disk, 4},
                                 {lost_disk, 3},
                                 {clock_rate, 3},
                                 {worker_leaves, 3},
                                 {mass_reboot, 1},
                                 {all_restart, 1},
                                 {handover, 4}});
  profile.masters_max = 3;
  profile.workers_max = 5;
  profile.ambush_percent = 5;
  return profile;
}

// Every master serves. Clocks stay within their bounds, because grants rest on them.
std::vector<Profile> grant_profiles() {
  std::vector<Profile> profiles{everything()};
  profiles.back().name = "grants";
  profiles.push_back(with("grants-cut", {{cut, 5},
                                         {cut_one_way, 4},
                                         {isolate, 6},
                                         {split, 4},
                                         {freeze, 6},
                                         {delay, 3},
                                         {loss, 2},
                                         {replay, 4},
                                         {clock_rate, 4},
                                         {handover, 2}}));
  profiles.back().ambush_percent = 20;
  profiles.push_back(with("grants-restart", {{kill, 10},
                                             {power_loss, 4},
                                             {all_restart, 2},
                                             {lost_disk, 4},
                                             {slow_disk, 3},
                                             {full_disk, 3},
                                             {delay, 4},
                                             {replay, 6},
                                             {clock_rate, 2},
                                             {handover, 4}}));
  profiles.back().ambush_percent = 20;
  // Operators add, remove and replace masters meanwhile.
  profiles.push_back(with("grants-masters", {{kill, 4},
                                             {freeze, 3},
                                             {cut, 4},
                                             {isolate, 5},
                                             {delay, 2},
                                             {replay, 3},
                                             {clock_rate, 2},
                                             {handover, 3}}));
  profiles.back().spare_masters = 2;
  profiles.back().pair_failover = false;
  profiles.back().ambush_percent = 10;
  for (auto& profile : profiles) {
    profile.grants = true;
    profile.mean_gap = 2s;
  }
  return profiles;
}

std::vector<Profile> make_profiles() {
  std::vector<Profile> profiles{everything()};
  profiles.push_back(with("calm", {}));
  profiles.push_back(with("crash", {{kill, 8}, {power_loss, 8}, {all_restart, 2}, {slow_disk, 4}}));
  profiles.push_back(with("freeze", {{freeze, 10}, {kill, 2}, {replay, 2}}));
  profiles.push_back(
      with("network", {{loss, 4}, {delay, 4}, {replay, 4}, {cut, 4}, {cut_one_way, 4}, {kill, 2}}));
  profiles.push_back(
      with("partition", {{split, 5}, {isolate, 5}, {cut, 5}, {cut_one_way, 5}, {power_loss, 3}}));
  profiles.push_back(
      with("disks", {{slow_disk, 6}, {full_disk, 6}, {power_loss, 6}, {lost_disk, 4}, {kill, 2}}));
  profiles.push_back(
      with("amnesia", {{lost_disk, 6}, {cut, 4}, {isolate, 3}, {kill, 3}, {power_loss, 3}}));
  profiles.push_back(with(
      "clocks",
      {{clock_rate, 4}, {clock_jump, 4}, {clock_stall, 4}, {freeze, 3}, {isolate, 3}, {kill, 2}}));
  profiles.push_back(with("workers", {{worker_leaves, 6},
                                      {mass_reboot, 3},
                                      {lost_disk, 2},
                                      {isolate, 3},
                                      {kill, 2},
                                      {handover, 2}}));
  profiles.back().workers_min = 3;
  profiles.back().workers_max = 6;
  profiles.push_back(
      with("handover", {{handover, 10}, {kill, 2}, {loss, 2}, {delay, 2}, {replay, 2}}));
  // One disk after the other fills, while leadership is handed around.
  profiles.push_back(with("full", {{full_disk, 12}, {handover, 3}, {kill, 2}, {isolate, 2}}));
  profiles.back().mean_gap = 2s;
  profiles.push_back(with("pair", {{kill, 8}, {handover, 2}, {slow_disk, 2}, {full_disk, 3}}));
  profiles.back().witnesses = false;
  profiles.back().default_timing = true;
  profiles.push_back(with("pair-cut", {{kill, 3},
                                       {power_loss, 3},
                                       {cut, 5},
                                       {cut_one_way, 3},
                                       {freeze, 5},
                                       {handover, 2},
                                       {loss, 2}}));
  profiles.back().witnesses = false;
  profiles.back().lenient = true;
  // Primaries that come and go before their entries have reached anyone (Ongaro 2014, figure 3.7).
  profiles.push_back(with(
      "figure-8",
      {{kill, 4}, {power_loss, 8}, {isolate, 8}, {cut_one_way, 4}, {delay, 3}, {handover, 2}}));
  profiles.back().mean_gap = 2s;
  profiles.back().single_entries = true;
  profiles.back().ambush_percent = 60;
  // Voters come and go while primaries do.
  profiles.push_back(with(
      "voters",
      {{lost_disk, 6}, {worker_leaves, 2}, {isolate, 4}, {power_loss, 3}, {cut, 3}, {delay, 4}}));
  profiles.back().workers_min = 2;
  profiles.back().workers_max = 5;
  profiles.back().mean_gap = 2s;
  profiles.back().ambush_percent = 40;
  // Operators add, remove and replace masters, from one to five of them.
  profiles.push_back(with("masters", {{kill, 6},
                                      {power_loss, 4},
                                      {freeze, 3},
                                      {cut, 4},
                                      {isolate, 4},
                                      {split, 2},
                                      {delay, 2},
                                      {replay, 3},
                                      {lost_disk, 2},
                                      {all_restart, 1},
                                      {worker_leaves, 1},
                                      {handover, 3}}));
  profiles.back().masters_min = 1;
  profiles.back().spare_masters = 2;
  profiles.back().pair_failover = false;
  profiles.back().ambush_percent = 10;
  // The same without a witness: of two masters one continues alone.
  profiles.push_back(with("pair-masters", {{kill, 8}, {delay, 8}, {handover, 2}, {slow_disk, 2}}));
  profiles.back().masters_min = 1;
  profiles.back().spare_masters = 2;
  profiles.back().witnesses = false;
  profiles.back().default_timing = true;
  profiles.back().mean_gap = 2s;
  profiles.back().ambush_percent = 15;
  for (auto& profile : grant_profiles()) profiles.push_back(std::move(profile));
  for (auto& profile : profiles) {
    if (profile.witnesses && profile.name != "all" && profile.name != "calm")
      profile.masters_max = 3;
  }
  return profiles;
}

const std::vector<Profile>& profiles() {
  static const auto all = make_profiles();
  return all;
}

}  // namespace

const char* to_string(FaultKind kind) {
  static constexpr std::array<const char*, fault_kinds> names{
      "kill",        "power-loss",    "freeze",      "cut",         "cut-one-way",
      "isolate",     "split",         "loss",        "delay",       "replay",
      "slow-disk",   "full-disk",     "lost-disk",   "clock-rate",  "clock-jump",
      "clock-stall", "worker-leaves", "mass-reboot", "all-restart", "handover"};
  TANDEM_ASSERT(kind < FaultKind::count);
  return names[static_cast<std::size_t>(kind)];
}

std::vector<std::string> profile_names() {
  std::vector<std::string> names{"fresh"};
  for (const auto& profile : profiles()) names.push_back(profile.name);
  return names;
}

std::optional<Profile> find_profile(std::string_view name, SplitMix64& random) {
  if (name == "fresh") {
    const auto choice = random.below(2 * profiles().size());
    return choice < profiles().size() ? profiles()[choice]
                                      : profiles().front();  // "all" for every second
  }
  for (const auto& profile : profiles()) {
    if (profile.name == name) return profile;
  }
  return std::nullopt;
}

}  // namespace tandem::sim
