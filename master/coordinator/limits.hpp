// limits.hpp: the limits of what masters keep in a coordinator, and how long they wait for it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace tandem::limits {

using namespace std::chrono_literals;

// A request to etcd has 1.5 MiB at most, unless it is told otherwise, and an operation of a
// transaction counts among 128.
inline constexpr std::size_t coordinator_piece_bytes_max = 512 * 1024;
inline constexpr std::size_t coordinator_batch_entries_max = 48;
inline constexpr std::size_t coordinator_batch_bytes_max = 512 * 1024;
// Of one look at all that has changed, each of 16 KiB at most; and pieces that are read at once. A
// client of gRPC takes 4 MiB unless it is told otherwise, and there is one inside of the gateway.
inline constexpr std::size_t coordinator_changes_read_max = 128;
inline constexpr std::size_t coordinator_pieces_read_max = 4;
inline constexpr std::size_t coordinator_answer_bytes_max = 16 * 1024 * 1024;
inline constexpr std::size_t coordinator_answer_values_max = 100'000;
inline constexpr std::size_t coordinator_masters_max = 64;
inline constexpr std::size_t coordinator_document_bytes_max = 64 * 1024;
// Changes behind the last snapshot, after which another one is written.
inline constexpr std::size_t coordinator_changes_kept_max = 1'000;
// First entries of terms that are remembered, for the term of a snapshot: as many as there are
// changes behind one.
inline constexpr std::size_t coordinator_terms_max = 2 * coordinator_changes_kept_max;

// A put without a quorum is answered after 7 s: the next server may know more.
inline constexpr auto coordinator_answer_max = 2s;
// How long news are waited for, after which everything is read anew: a server that is frozen, or
// has lost its quorum, says nothing.
inline constexpr auto coordinator_news_wait = 1s;
inline constexpr auto coordinator_retry = 100ms;
// No lease of etcd is shorter, whatever is asked for.
inline constexpr auto coordinator_lease_min = 2s;
// How much later etcd may notice that a lease has ended.
inline constexpr auto coordinator_expiry_max = 500ms;
// Taken off a lease, for clocks of different rates.
inline constexpr auto coordinator_lease_margin = 100ms;
// For how long a primary that does not reach the coordinator forwards, without asking it in vain
// once more.
inline constexpr auto coordinator_outage_step = 1s;
// How often a worker that knows a higher term makes a primary stand for the lead anew.
inline constexpr auto coordinator_raise_interval = 60s;
// For how long others leave the lead to a successor that was named.
inline constexpr auto coordinator_successor_first = 1s;
// No key is created at that revision.
inline constexpr std::uint64_t coordinator_revision_never = (std::uint64_t{1} << 53) - 1;
// How often it is tried whether etcd would take a change, and how often while it would not.
inline constexpr auto coordinator_try_interval = 5s;
inline constexpr auto coordinator_try_again = 1s;
// Between two looks, so that a burst of changes costs few of them.
inline constexpr auto coordinator_look_pause = 2ms;

}  // namespace tandem::limits
