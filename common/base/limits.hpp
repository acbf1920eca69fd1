// limits.hpp: everything that can grow has a limit, and every limit stands here, with its unit and
// the reason for the number. Those that a user may change are flags; these are their defaults.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace tandem::limits {

using namespace std::chrono_literals;

// ---- names and documents ------------------------------------------------------------------------
// Long enough for a DNS label (RFC 1035 §2.3.4: 63 octets) and a separator; short enough for any
// table.
inline constexpr std::size_t name_bytes_max = 64;
// A host name is at most 253 characters in text (RFC 1035 §3.1).
inline constexpr std::size_t host_bytes_max = 253;
// getaddrinfo tells no TTL: a name is looked up again so often, and one that cannot be resolved
// (its service is just being set up) sooner. Addresses of one name beyond the limit are not tried.
inline constexpr auto name_lookup_interval = 30s;
inline constexpr auto name_lookup_retry = 2s;
inline constexpr std::size_t name_addresses_max = 16;
// A control document; a heartbeat is about 300 bytes, a cluster of 10,000 workers is read in pages.
inline constexpr std::size_t control_body_bytes_max = 64 * 1024;
// Workers and services that one master keeps; beyond it registration is refused with a sentence.
inline constexpr std::size_t workers_max = 20'000;
inline constexpr std::size_t services_max = 1'000;
// Routes that lead hosts and paths to services; each is a line that somebody wrote.
inline constexpr std::size_t routes_max = 10'000;
// That the routes to one service may ask for, besides its own; per loop, more displace the others
inline constexpr std::size_t route_policies_max = 16;
// Their hosts and prefixes together, so that a snapshot of the state holds them beside all workers:
// 200 bytes each when there are routes_max.
inline constexpr std::size_t routes_bytes_max = 2 * 1024 * 1024;
// A prefix of a path; deeper ones are the service's own affair.
inline constexpr std::size_t route_prefix_bytes_max = 1'024;
// A weight is a ratio between workers: three decimal digits are finer than anyone can observe.
inline constexpr unsigned weight_max = 1'000;
// Connections that one worker may advertise: one thread each in a blocking server.
inline constexpr unsigned worker_connections_max = 65'535;

// Requests that one worker may report as in flight; more than any machine has sockets for.
inline constexpr unsigned worker_in_flight_max = 1'000'000;
// A status document: 20,000 workers of about 400 bytes, and room. Read by clients only.
inline constexpr std::size_t status_bytes_max = 32 * 1024 * 1024;
// Objects and arrays inside each other; our deepest document has 9: a voter of a configuration that
// is an entry of an append message.
inline constexpr int json_depth_max = 10;
// Values in one document: each takes up to a hundred bytes, however few it has in the text. A
// status document of all workers has 400,000; the replicated state of as many, with all routes and
// settings, 800,000; a batch of messages 64 times 64 entries of eight, a snapshot being one string.
inline constexpr std::size_t json_values_max = 1'000'000;
inline constexpr std::size_t envelope_values_max = 256 * 1024;
// How often a worker heartbeats: more often is load without use, less often outlasts
// control_idle_max.
inline constexpr auto heartbeat_interval_min = 10ms;
inline constexpr auto heartbeat_interval_max = 60s;
// A master answers in well under a millisecond; one that takes longer than these is treated as
// away.
inline constexpr auto heartbeat_connect_max = 500ms;
inline constexpr auto heartbeat_answer_max = 1s;
// A master that returns hears from all within this
inline constexpr auto heartbeat_backoff_max = 2s;
inline constexpr double heartbeat_jitter = 0.1;  // of the interval, taken off at random

// ---- the server inside a worker -----------------------------------------------------------------
inline constexpr auto worker_idle_max = 75s;  // above upstream_idle_max of the masters
// On one connection; then it is closed
inline constexpr std::size_t worker_requests_max = 1'000'000;
inline constexpr std::size_t worker_body_bytes_max = 64 * 1024 * 1024;  // 413; held in memory
// Of a body that no handler wants, with GET and its like: read, so that the connection goes on.
inline constexpr std::size_t worker_dropped_bytes_max = 64 * 1024;
// Connections that have not sent a head yet, so that nobody knows yet whose they are; the oldest is
// closed for the next. A master sends its head with the connection, within a millisecond.
inline constexpr unsigned worker_newcomers_max = 64;
// Of a thread that serves requests: 4 KiB for each character of the longest target, which a regular
// expression matches one call deeper each. Pages that are not used cost nothing.
inline constexpr std::size_t worker_stack_bytes = 64 * 1024 * 1024;
// For callers other than masters: health checks, people
inline constexpr unsigned direct_connections = 16;
inline constexpr int listen_backlog = 1'024;  // connections that wait to be accepted
// A master may have chosen this worker just before it heard bye
inline constexpr auto bye_grace = 100ms;

// ---- the client side of the data plane (RFC 9110 §15.5, RFC 6585 §5) ----------------------------
inline constexpr std::size_t header_bytes_max = 64 * 1024;  // 431
inline constexpr std::size_t header_fields_max = 256;       // 431
inline constexpr std::size_t target_bytes_max = 16 * 1024;  // 414
// 414: the target, a version, and room for any method
inline constexpr std::size_t request_line_bytes_max = target_bytes_max + 1024;
inline constexpr auto header_read_max = 10s;  // 408: from first byte to end of head
inline constexpr auto client_idle_max = 60s;  // closed: keep-alive without a request
// Between two reads or writes of a body
inline constexpr auto body_idle_max = 60s;
// A client sends and takes a body at this rate at least, bytes a second on average, once it was
// waited for so long: a modem does four times as much.
inline constexpr std::uint64_t body_rate_min = 1'024;
inline constexpr auto body_grace = 10s;
// What was quicker than that counts for a pause of so long. A reader at that rate whose receive
// buffer makes room by a quarter of a megabyte at a time needs it.
inline constexpr std::chrono::seconds body_credit_max = 5min;
// A client whose worker has said nothing for so long is asked, each time again, whether it is
// still there.
inline constexpr auto client_check = 1s;
// Pipelined requests of one client that are served without a look at the others.
inline constexpr unsigned pipelined_in_a_row_max = 16;
// Per process, if there are descriptors for so many; more wait to be accepted
inline constexpr std::size_t client_connections_max = 100'000;
// Of the descriptors so many are kept for files, loops and the control address, or an eighth of
// all. Of the rest half is for workers, since each client may have one at work, but no more than
// so many; clients may have what is left.
inline constexpr std::size_t descriptors_kept_min = 32;
inline constexpr std::size_t descriptors_kept_per_loop = 4;
inline constexpr std::size_t descriptors_for_workers_max = 4'096;
// When descriptors, connections or memory run out, clients that have been idle for so long are
// closed, so many at a time, out of those that are looked at.
inline constexpr auto idle_when_scarce = 1s;
inline constexpr unsigned shed_at_once_max = 16;
inline constexpr unsigned shed_looked_at_max = 256;
// Between two attempts to accept when there is no room, and between two lines of the log about it
inline constexpr auto accept_pause = 100ms;
inline constexpr auto accept_complaint = 10s;
// That one address may have, as it can be set
inline constexpr unsigned client_connections_settable_max = 100'000;

// ---- the worker side of the data plane ----------------------------------------------------------
inline constexpr auto connect_max = 1s;  // one attempt; the next worker is tried after it
// 504: from the request's last byte to the response head
inline constexpr auto response_head_max = 30s;
// Must stay below the keep-alive time of workers (75 s)
inline constexpr auto upstream_idle_max = 30s;
inline constexpr std::size_t response_head_bytes_max = 64 * 1024;  // 502
// 502. More than a request may have: a service sets a cookie for each of its parts
inline constexpr std::size_t response_fields_max = 1'024;
// To one request; a worker that sends more is broken: 502
inline constexpr unsigned interim_responses_max = 64;
// Request body kept so that it can be resent
inline constexpr std::size_t replay_bytes_max = 64 * 1024;
// At workers that may have seen the request: the first and two more
inline constexpr unsigned attempts_max = 3;
// That a service may ask for
inline constexpr unsigned attempts_settable_max = 10;
// Methods that a service may name as safe to send again, and the length of one: the longest that
// IANA has registered is UPDATEREDIRECTREF, with 17
inline constexpr std::size_t retry_methods_max = 16;
inline constexpr std::size_t method_name_bytes_max = 24;
// Before another try after an answer that is worth one: up to this, doubled each time, up to the
// second
inline constexpr auto retry_backoff = 25ms;
inline constexpr auto retry_backoff_max = 1s;
// Of a whole request, as a client or a service may set it
inline constexpr auto request_timeout_settable_max = 24h;
// After 101: a WebSocket that says nothing for so long is cut
inline constexpr auto tunnel_idle_max = 10min;

// After an early answer: how long and how much of the rest is read and thrown away before the
// close, so that the answer is not lost to a reset (RFC 9112 §9.6).
inline constexpr auto linger_max = 1s;
inline constexpr std::size_t linger_bytes_max = 256 * 1024;

// Of a sticky cookie: browsers keep none for longer (RFC 6265's successor, §5.5)
inline constexpr std::chrono::seconds cookie_age_max = 400 * 24h;

// ---- waiting for a worker when all are full -----------------------------------------------------
// Per loop and service; more get 503 at once
inline constexpr std::size_t queue_requests_max = 1'024;
inline constexpr auto queue_wait_max = 1s;  // then 503 with Retry-After
// That a service may ask for: requests that wait on each loop, and in flight at its workers
inline constexpr unsigned queue_settable_max = 65'536;
inline constexpr unsigned in_flight_settable_max = 1'000'000;

// ---- while the primary changes ------------------------------------------------------------------
// Per loop; more get 503 at once. Each holds a buffer or two: 256 MiB at most.
inline constexpr std::size_t takeover_waiters_max = 8'192;
// From one loop of a standby to the primary: far more than it needs for what it forwards itself.
inline constexpr unsigned primary_connections_max = 4'096;
// Before a primary that refused, broke off or does not lead is asked again, while nobody else is
// known.
inline constexpr auto primary_pause = 50ms;
// A primary that was replaced has so long to answer what must not be sent again: one that handed
// over does, one that is frozen does not.
inline constexpr auto superseded_answer_max = 1s;

// ---- buffers ------------------------------------------------------------------------------------
inline constexpr std::size_t buffer_bytes = 16 * 1024;         // heads and small bodies
inline constexpr std::size_t large_buffer_bytes = 256 * 1024;  // streaming of large bodies
inline constexpr std::size_t spare_buffers_max = 1'024;        // per loop, kept for reuse (16 MiB)
// What a client costs that has no buffer: half a kilobyte here, the rest in the kernel.
inline constexpr std::size_t client_connection_bytes = 4 * 1024;
// Of all loops together, as it can be set: less does not hold the buffers of a few requests.
inline constexpr std::size_t memory_min = 1024 * 1024;

// ---- the control address ------------------------------------------------------------------------
inline constexpr std::size_t control_connections_max = 25'000;  // every worker keeps one
// Of these, who has presented no token and sent no heartbeat: enough for all workers that come back
// at once to be seen before they must leave, and few enough to hold their heads in memory (64 MiB).
inline constexpr std::size_t control_strangers_max = 4'096;
// A witness has the masters, and a few who look at its health; strangers may not have all of it.
inline constexpr std::size_t witness_connections_max = 256;
inline constexpr std::size_t witness_strangers_max = 192;
// Longer than the longest heartbeat interval
inline constexpr auto control_idle_max = 75s;
// 431; a request of ours has 300
inline constexpr std::size_t control_header_bytes_max = 16 * 1024;
inline constexpr auto control_request_max = 10s;  // from the first byte to the last of a request
// Read after a refusal, so that it is seen
inline constexpr std::size_t discarded_bytes_max = 1024 * 1024;
// 16 random characters of base64 are 96 bits: beyond guessing over a network.
inline constexpr std::size_t token_bytes_min = 16;
inline constexpr std::size_t token_bytes_max = 4 * 1024;

// ---- liveness of workers ------------------------------------------------------------------------
inline constexpr auto worker_heartbeat_min = 10ms;  // below it the timers of a busy machine decide
inline constexpr auto worker_heartbeat_max = 60s;   // must stay below control_idle_max
// One may be lost, two may be late: then it is down
inline constexpr unsigned missed_heartbeats_max = 3;
inline constexpr auto forget_after = 10min;  // down for so long: forgotten
// A worker that flaps is tried again at least this often
inline constexpr auto suspicion_max = 30s;
// Health probes under way at once: a socket each
inline constexpr std::size_t probes_max = 1'024;
// A target that accepts connections and does not answer is busy, for as long as masters wait for an
// answer by default; then it is failing.
inline constexpr auto target_busy_max = 30s;
// Of a service that tells nobody how many it can hold: most servers take some hundred.
inline constexpr unsigned target_connections = 256;
inline constexpr auto probe_timeout_min = 200ms;  // a busy server may take so long for an answer
inline constexpr auto probe_timeout_max = 2s;
// Workers that an operator removed while they were about: each is told so when it heartbeats again,
// and a thousand removed since then are enough to forget one.
inline constexpr std::size_t removed_workers_max = 1'024;
// 20,000 added workers are 3 MiB
inline constexpr std::size_t decisions_bytes_max = 64 * 1024 * 1024;

// ---- the program itself -------------------------------------------------------------------------
// Queued; the oldest are lost when stderr is slow
inline constexpr std::size_t log_lines_max = 8'192;
// A configuration file; people write pages of it
inline constexpr std::size_t config_bytes_max = 1024 * 1024;

// ---- the cluster of masters and witnesses -------------------------------------------------------
// Seven voters survive three losses; more only make each commit wait for more disks.
inline constexpr std::size_t voters_max = 7;
inline constexpr std::size_t witnesses_max = 3;
// Every master votes; a worker heartbeats to each from a thread of its own.
inline constexpr std::size_t masters_max = 5;
// One change of cluster state: a worker's registration is about 300 bytes.
inline constexpr std::size_t command_bytes_max = 16 * 1024;
// Changes that wait for their commit; more are refused as busy. Two seconds' worth on a slow disk.
inline constexpr std::size_t uncommitted_entries_max = 1'024;
// Entries and command bytes of one append message: small enough that a heartbeat never waits
// behind it.
inline constexpr std::size_t append_entries_max = 64;
inline constexpr std::size_t append_bytes_max = 256 * 1024;
// Append messages on their way to one member: enough to fill a disk's queue, few enough to hold in
// memory.
inline constexpr std::size_t appends_in_flight_max = 16;
// Entries kept before a snapshot is asked for: a member that was away for less is sent entries.
inline constexpr std::size_t log_entries_max = 8'192;
// The whole state: 20,000 workers of 300 bytes, and as much again.
inline constexpr std::size_t snapshot_bytes_max = 16 * 1024 * 1024;
// SQLite's write-ahead log is emptied into the database once a commit leaves it at this size, and
// cut back to it when it was larger: a thousand commits of three pages, read again within
// milliseconds.
inline constexpr std::size_t wal_bytes_max = 4 * 1024 * 1024;
// A batch of messages with the largest snapshot in it: as JSON inside JSON, each quote takes two
// bytes.
inline constexpr std::size_t cluster_body_bytes_max = 2 * snapshot_bytes_max + 1024 * 1024;
// Messages that wait for a peer that does not answer; the oldest are lost, which the protocol
// bears.
inline constexpr std::size_t link_messages_max = 256;
inline constexpr std::size_t envelope_messages_max = 64;
// Ejected workers that a primary tells its standbys of; more than that is no news of workers.
inline constexpr std::size_t ejected_workers_max = 256;
// Nodes that one node remembers the addresses of: all members, and some that want to be.
inline constexpr std::size_t known_nodes_max = 32;
// A change of state through the API waits so long for its commit, then its outcome is unknown.
inline constexpr auto commit_wait_max = 2s;
// Waits for the last request of a drained worker: how long one lasts, how long one lasts that does
// not say, and how many at once; more are refused as busy.
inline constexpr auto drained_wait_max = 10min;
inline constexpr auto drained_wait = 30s;
inline constexpr std::size_t drained_waits_max = 256;
// Another master is asked for so long what it has in flight; one that does not answer serves nobody
// for much longer.
inline constexpr auto master_answer_max = 500ms;
// Lives of masters whose last change the state remembers, so that none is applied twice.
inline constexpr std::size_t command_clients_max = 256;
// Workers that a new primary tells its term at once.
inline constexpr std::size_t announcements_max = 256;
// A hook of an operator (--on-promote) is ended after it.
inline constexpr auto hook_max = 30s;
// Hooks that wait for one that takes its time; the leadership changes once an election timeout at
// most.
inline constexpr std::size_t hooks_waiting_max = 64;
// ---- the address that clients use (--vip)
// Addresses of one master: one for each family and a few more are common.
inline constexpr std::size_t vips_max = 16;
// The kernel removes an address of a master that is frozen or was killed after it, in whole
// seconds; a master that serves renews it so often. Well above any lease by default, so that only a
// process that has lost its lease loses the address.
inline constexpr auto vip_lifetime = 3s;
inline constexpr auto vip_renewal = 1s;
// Whoever gives leadership away waits so long for its address to be gone before it says so: a
// hundred times what the kernel needs.
inline constexpr auto vip_removal_wait = 10ms;
// A client's request at a master that does not lead, or a change of state, waits so long for a
// primary: twice the longest takeover with the default timing.
inline constexpr auto takeover_wait_max = 2s;
// A message whose term is further ahead than this is damaged or hostile: believing it would use up
// the terms. One election a second for eleven days stays below it.
inline constexpr std::uint64_t term_jump_max = 1'000'000;

// ---- the client library -------------------------------------------------------------------------
inline constexpr std::size_t client_connections_kept = 16;  // idle, per master; more are closed
// A master closes a connection that idles for client_idle_max: one that idled for half of that is
// not used again.
inline constexpr auto client_connection_idle_max = 30s;
// A standby names the primary; a chain of them is masters that disagree about who that is.
inline constexpr unsigned client_redirects_max = 3;
// Between two rounds of all masters: the first within a crash's takeover, the longest a fraction of
// one after a freeze.
inline constexpr auto client_backoff_min = 10ms;
inline constexpr auto client_backoff_max = 200ms;
// Of a streamed body, held at a time in each direction.
inline constexpr std::size_t client_piece_bytes = 64 * 1024;
// A server that knows nothing of 100 Continue costs a streamed request so long; a master that waits
// for a primary says nothing for takeover_wait_max.
inline constexpr auto client_continue_max = 3s;
// A streamed body is sent again from its beginning so often in a call.
inline constexpr unsigned client_restarts_max = 3;

// ---- the access log -----------------------------------------------------------------------------
// A line is for finding a request, not for keeping it: what is longer is cut, and says so.
inline constexpr std::size_t access_log_target_bytes_max = 1'024;
inline constexpr std::size_t access_log_method_bytes_max = 32;
// Per loop: about 5,000 requests that wait to be written, a tenth of a second at full speed; more
// are lost.
inline constexpr std::size_t access_log_ring_bytes = 1024 * 1024;
inline constexpr std::size_t access_log_write_bytes = 64 * 1024;  // lines gathered for one write
inline constexpr auto access_log_interval = 10ms;                 // how often the rings are emptied
inline constexpr auto access_log_close_max = 1s;  // at the end: for a reader that does not read

// ---- shutting down ------------------------------------------------------------------------------
inline constexpr auto drain_max = 30s;

}  // namespace tandem::limits
