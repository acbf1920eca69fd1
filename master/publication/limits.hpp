// limits.hpp: the limits of what masters write into registries of others (--publish).
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::limits {

using namespace std::chrono_literals;

// Each is a lease that is kept alive; more are a mistake in a script.
inline constexpr std::size_t publications_max = 16;
// As many as a cluster may have workers.
inline constexpr std::size_t published_entries_max = 20'000;
// Of entries that are left out, so many are told with the reason.
inline constexpr std::size_t published_left_out_told_max = 8;

// How long entries stay when nobody keeps them: longer than any failover takes.
inline constexpr auto publication_lease = 10s;
// How often a lease is renewed: it survives two renewals that fail.
inline constexpr auto publication_renewal = 3s;
// How often everything is read: what others have deleted is missing for so long at most.
inline constexpr auto publication_review = 5s;
// Between two rounds, so that hundreds of changes a second are a few.
inline constexpr auto publication_pause = 100ms;
inline constexpr auto publication_retry_first = 200ms;
inline constexpr auto publication_retry_max = 2s;

// etcd takes 128 operations in a transaction.
inline constexpr std::size_t publication_changes_at_once = 100;
// Services that are read by one question.
inline constexpr std::size_t publication_services_at_once = 16;
// How often a round begins anew when others have written the same keys meanwhile.
inline constexpr int publication_attempts_max = 4;

// How long a drain waits until its entry is gone, and how many may wait at once.
inline constexpr auto withdrawal_wait = 2s;
inline constexpr std::size_t withdrawals_max = 256;
// How long the end of a master waits until all of its entries are gone.
inline constexpr auto publication_farewell = 1s;

// Of ZooKeeper: how often a session looks whether there is something to say, and after how long
// without an answer it has failed.
inline constexpr auto publication_tick = 50ms;
inline constexpr auto publication_silence_max = 3s;
// Requests that are sent before the first of them is answered.
inline constexpr std::size_t publication_requests_at_once = 256;

}  // namespace tandem::limits
