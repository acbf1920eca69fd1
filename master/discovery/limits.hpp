// limits.hpp: the limits of what masters read from registries of others (--discover).
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::limits {

using namespace std::chrono_literals;

// Each is a connection that waits, and some memory; more are a mistake in a script.
inline constexpr std::size_t sources_max = 64;
inline constexpr std::size_t source_servers_max = 16;
inline constexpr std::size_t source_text_bytes_max = 2'048;
// A service of a thousand instances is large already. Of more, the first by their addresses are
// taken, so that all masters take the same.
inline constexpr std::size_t source_instances_max = 4'096;
// An instance with its checks takes Consul 2 KiB; etcd tells a tenth of that.
inline constexpr std::size_t source_answer_bytes_max = 16 * 1024 * 1024;
inline constexpr std::size_t source_values_max = 500'000;
// Of instances that were skipped, so many are told with the reason.
inline constexpr std::size_t source_skipped_told_max = 8;
inline constexpr std::size_t source_secret_bytes_max = 4 * 1024;

// An etcd without a quorum takes seconds to say so: the next server may know more.
inline constexpr auto source_connect_max = 1s;
inline constexpr auto source_answer_max = 2s;
// How long news are waited for, after which everything is read anew: a server that is frozen, or
// has lost its quorum, says nothing, and is found out by that.
inline constexpr auto source_news_wait = 15s;
// Between two answers, so that hundreds of changes a second are a few.
inline constexpr auto source_pause = 500ms;
// When nothing is left of what there was, it is read again after this time and believed then.
inline constexpr auto source_second_look = 3s;
inline constexpr auto source_retry_first = 200ms;
inline constexpr auto source_retry_max = 5s;

}  // namespace tandem::limits
