// limits.hpp: the limits of what registers as with a Consul agent.
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::limits {

using namespace std::chrono_literals;

// Instances that are registered: so many at a master, and of one owner, so that none takes the room
// of the others; and the texts of all together, which each master keeps in memory, on its disk, and
// tells the others.
inline constexpr std::size_t registrations_max = 4'096;
inline constexpr std::size_t registrations_of_an_owner_max = 1'024;
inline constexpr std::size_t registrations_bytes_max = 8 * 1024 * 1024;
// One of them: names that generators make have up to a hundred bytes, addresses of containers among
// them. A tag and a value may be what Consul allows; together they stay small.
inline constexpr std::size_t registered_id_bytes_max = 256;
inline constexpr std::size_t registered_text_bytes_max = 512;
inline constexpr std::size_t registered_tags_max = 64;
inline constexpr std::size_t registered_meta_max = 64;
inline constexpr std::size_t registered_meta_key_bytes_max = 128;
inline constexpr std::size_t registered_checks_max = 8;
inline constexpr std::size_t registration_bytes_max = 8 * 1024;
// What a service says of its state: a sentence. The rest is cut off.
inline constexpr std::size_t registered_output_bytes_max = 512;
// A shorter time would be over before the other masters have heard of a report.
inline constexpr auto registered_ttl_min = 500ms;
inline constexpr auto registered_interval_min = 1s;
inline constexpr auto registered_duration_max = 24h * 30;
inline constexpr unsigned registered_check_repeats_max = 100;
// As an agent does it: nobody is deregistered sooner, whatever he asks for.
inline constexpr auto deregister_after_min = 1min;
// Those that were deregistered are remembered, so that no master which was away brings one back.
inline constexpr std::size_t deregistrations_kept_max = 1'024;
inline constexpr auto deregistrations_kept = 72h;
// A message about them between masters, below control_body_bytes_max; and how long a change waits
// until the other masters have heard of it.
inline constexpr std::size_t registrations_message_bytes_max = 48 * 1024;
inline constexpr auto registrations_shared_max = 1s;
// Of those that have no check: whether they accept connections.
inline constexpr auto unchecked_interval = 5s;
inline constexpr auto unchecked_timeout = 1s;
// Checks by this master under way at once; each needs a socket.
inline constexpr std::size_t registered_probes_max = 256;

}  // namespace tandem::limits
