// limits.hpp: what the control API waits for, and how it runs hooks.
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::limits {

using namespace std::chrono_literals;

inline constexpr auto worker_heartbeat_min = 10ms;  // below it the timers of a busy machine decide
inline constexpr auto worker_heartbeat_max = 60s;   // must stay below control_idle_max
// Waits for the last request of a drained worker: how long one lasts that does not say, and how
// many at once; more are refused as busy. How long one may last is for both ends to know:
// drained_wait_max.
inline constexpr auto drained_wait = 30s;
inline constexpr std::size_t drained_waits_max = 256;
// Another master is asked for so long what it has in flight; one that does not answer serves nobody
// for much longer.
inline constexpr auto master_answer_max = 500ms;
// A hook of an operator (--on-promote) is ended after it.
inline constexpr auto hook_max = 30s;
// Hooks that wait for one that takes its time; the leadership changes once an election timeout at
// most.
inline constexpr std::size_t hooks_waiting_max = 64;

}  // namespace tandem::limits
