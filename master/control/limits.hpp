// limits.hpp: the limits of the control API and of hooks.
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::limits {

using namespace std::chrono_literals;

inline constexpr auto worker_heartbeat_min =
    10ms;  // with less, the timers of a busy machine would decide
inline constexpr auto worker_heartbeat_max = 60s;  // must stay below control_idle_max
// Waits for the last request of a drained worker: how long one lasts by default, and how many there
// may be at once; more are refused as busy. The longest wait is drained_wait_max, which both ends
// know.
inline constexpr auto drained_wait = 30s;
inline constexpr std::size_t drained_waits_max = 256;
// How long another master may take to answer what it has in flight; one that does not answer will
// not serve for much longer.
inline constexpr auto master_answer_max = 500ms;
// A command of --on-promote or --on-demote is killed after this time.
inline constexpr auto hook_max = 30s;
// Hooks that wait for a slow one; the leadership changes once per election timeout at most.
inline constexpr std::size_t hooks_waiting_max = 64;

// Callers that wait for news of the services: how long unless they say it, and at most; and how
// many at once, each with a connection. More are answered at once.
inline constexpr auto blocking_query_default = 5min;
inline constexpr auto blocking_query_max = 10min;
inline constexpr std::size_t blocking_queries_max = 2'048;

// An answer waits until every loop acts by what it says, which takes microseconds; a loop that does
// not come to it holds no answer for longer than this.
inline constexpr auto adoption_max = 200ms;

// A control address that a reload has replaced is closed so long after the other masters know the
// new one, or three heartbeats of workers, if that is longer: each worker is told in an answer.
inline constexpr auto control_left_after = 5s;

// For an upgrade the control address answers what has come to it, so long at most.
inline constexpr auto control_retire_max = 200ms;

// Workers that are told of before the control loop does what else waits: less than a millisecond's
// work.
inline constexpr std::size_t workers_told_at_once = 256;

}  // namespace tandem::limits
