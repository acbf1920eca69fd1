// limits.hpp: what an upgrade waits for, and how much is passed on at a time.
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::limits {

using namespace std::chrono_literals;

// A new process has so long to check its configuration: names may have to be looked up.
inline constexpr auto upgrade_ready_max = 30s;
// ... for each later step. One that takes longer hangs, and another is started in its place.
inline constexpr auto upgrade_step_max = 15s;
// Who asked for the upgrade is told so within this time, or not at all.
inline constexpr auto upgrade_answer_max = 5s;
// The new process waits so long for the workers that the old one knew, and then for somebody to
// lead, before it serves: requests wait as long in the old one.
inline constexpr auto upgrade_workers_max = 1s;
inline constexpr auto upgrade_leader_max = 2s;
// The kernel has just ended the process before, which had the data directory.
inline constexpr auto upgrade_lock_max = 5s;
// Between two attempts to start a process when the one that should serve has ended.
inline constexpr auto upgrade_retry = 200ms;
// How often somebody who waits looks whether it is to give up.
inline constexpr auto upgrade_look = 20ms;
// What the process before still holds is told so often, and clients are asked to leave again.
inline constexpr auto upgrade_report = 1s;

// One message: names of workers are most of it.
inline constexpr std::size_t upgrade_message_bytes_max = 128 * 1024;
// Descriptors in one message; the kernel allows 253 (SCM_MAX_FD).
inline constexpr std::size_t upgrade_descriptors_max = 64;
// Names of workers in one message.
inline constexpr std::size_t upgrade_workers_named_max = 1'000;
// A process that may have fewer would not come up.
inline constexpr std::size_t upgrade_descriptors_min = 64;
// How much must be free on the disk of the data directory.
inline constexpr std::size_t upgrade_disk_bytes = 1024 * 1024;

}  // namespace tandem::limits
