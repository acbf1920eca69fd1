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
// Of ZooKeeper, whose servers say nothing unless they are asked: how often they are pinged, and how
// often in vain. A list takes several round trips, and the first one of a session the leader.
inline constexpr auto source_tick = 1s;
inline constexpr int source_silent_ticks_max = 3;
inline constexpr int source_list_ticks_max = 3;
// A session ends with what it has found, or after this time: the servers share the readers anew.
inline constexpr int source_session_ticks_max = 600;
// For how long a server remembers a session that broke off.
inline constexpr auto source_session_timeout = 10s;
// Nodes that are asked for before the first of them is answered.
inline constexpr std::size_t source_nodes_at_once = 256;
// The description of one instance; those of some frameworks carry metadata of a few KiB.
inline constexpr std::size_t source_node_bytes_max = 64 * 1024;
inline constexpr std::size_t source_node_values_max = 1'000;
inline constexpr auto source_retry_first = 200ms;
inline constexpr auto source_retry_max = 5s;

}  // namespace tandem::limits
