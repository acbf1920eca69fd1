// limits.hpp: the limits of documents and of what they may ask for, for both ends of a connection.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "common/core/limits.hpp"

namespace tandem::limits {

using namespace std::chrono_literals;

// ---- documents ----------------------------------------------------------------------------------
// A control document; a heartbeat is about 300 bytes, a cluster of 10,000 workers is read in pages.
inline constexpr std::size_t control_body_bytes_max = 64 * 1024;
// A status document: 20,000 workers of about 400 bytes, with room to spare. Read by clients only.
inline constexpr std::size_t status_bytes_max = 32 * 1024 * 1024;
// Nesting of objects and arrays; our deepest document has 9 levels: a voter of a configuration in
// an entry of an append message.
inline constexpr int json_depth_max = 10;
// Values in one document: each takes up to a hundred bytes of memory, however short its text. A
// status document of all workers has 400,000; the replicated state of as many workers, with all
// routes and settings, 800,000; a batch of messages has 64 times 64 entries of eight values, a
// snapshot being one string.
inline constexpr std::size_t json_values_max = 1'000'000;
inline constexpr std::size_t envelope_values_max = 256 * 1024;
// A batch of messages with the largest snapshot: as JSON inside JSON, each quote takes two bytes.
inline constexpr std::size_t cluster_body_bytes_max = 2 * snapshot_bytes_max + 1024 * 1024;
inline constexpr std::size_t envelope_messages_max = 64;
// Ejected workers that a primary reports to its standbys; with more, the workers are not the cause.
inline constexpr std::size_t ejected_workers_max = 256;
// Nodes whose addresses one node remembers: all members, and some that want to join.
inline constexpr std::size_t known_nodes_max = 32;

// ---- what a heartbeat may state -----------------------------------------------------------------
// A weight is a ratio between workers: three decimal digits are finer than anyone can observe.
inline constexpr unsigned weight_max = 1'000;
// Connections that one worker may advertise; a blocking server has a thread for each.
inline constexpr unsigned worker_connections_max = 65'535;
// Requests that one worker may report as in flight; more than any machine has sockets.
inline constexpr unsigned worker_in_flight_max = 1'000'000;
// The number of what a worker says of itself: exact in every language (RFC 8259 §6).
inline constexpr std::uint64_t sequence_max = (std::uint64_t{1} << 53) - 1;
// The interval between heartbeats: a shorter one is useless load, a longer one exceeds
// control_idle_max.
inline constexpr auto heartbeat_interval_min = 10ms;
inline constexpr auto heartbeat_interval_max = 60s;
// One may be lost and two may be late; after three a worker is down.
inline constexpr unsigned missed_heartbeats_max = 3;

// ---- what a service or a route may ask for ------------------------------------------------------
// The prefix of a path; longer paths are for the service itself to tell apart.
inline constexpr std::size_t route_prefix_bytes_max = 1'024;
// Services that one master keeps; beyond that a registration is refused with a message.
inline constexpr std::size_t services_max = 1'000;
// The most attempts that a service may ask for.
inline constexpr unsigned attempts_settable_max = 10;
// Methods that a service may name as safe to send again, and the length of a name: the longest
// registered with IANA is UPDATEREDIRECTREF, with 17.
inline constexpr std::size_t retry_methods_max = 16;
inline constexpr std::size_t method_name_bytes_max = 24;
// The same of gRPC methods, /package.Service/Method; and the name of a service that is checked.
inline constexpr std::size_t retry_calls_max = 16;
inline constexpr std::size_t grpc_name_bytes_max = 128;
// The most that a service may ask for: waiting requests on each loop, and requests in flight.
inline constexpr unsigned queue_settable_max = 65'536;
inline constexpr unsigned in_flight_settable_max = 1'000'000;
// The longest Max-Age of a sticky cookie: browsers keep none for longer (RFC 6265's successor,
// §5.5).
inline constexpr std::chrono::seconds cookie_age_max = 400 * 24h;

// ---- how long an answer may take ----------------------------------------------------------------
// How long a change through the API waits for its commit; after that its outcome is unknown.
inline constexpr auto commit_wait_max = 2s;
// The longest wait for the last request of a drained worker.
inline constexpr auto drained_wait_max = 10min;

// Of what somebody wrote, in the sentence that refuses it.
inline constexpr std::size_t shown_text_max = 64;

// What a service demands of certificates: so many names, of so many bytes each; a SPIFFE id has up
// to 2,048, in practice below 100.
inline constexpr std::size_t certificate_names_demanded_max = 16;
inline constexpr std::size_t certificate_name_bytes_max = 255;

// The name of a file in a setting.
inline constexpr std::size_t file_name_bytes_max = 255;

}  // namespace tandem::limits
