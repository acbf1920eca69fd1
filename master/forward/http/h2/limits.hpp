// limits.hpp: HTTP/2 connections.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tandem::limits {

// ---- what we tell the peer (RFC 9113 §6.5.2) ----------------------------------------------------
// Of one connection, open at once; what most servers allow, and browsers expect.
inline constexpr std::uint32_t h2_streams_max = 100;
// Of a stream, before anything of it is written onward: a kilobyte per millisecond of a far client.
inline constexpr std::uint32_t h2_stream_window_bytes = 64 * 1024;
// Of all streams of a connection together. It begins with the protocol's 65,535 and grows with the
// number of streams that bring content, to twice as many windows as there can be streams, rounded
// up. What waits is bounded by the windows of the streams.
inline constexpr std::uint32_t h2_connection_window_bytes_max = 256 * h2_stream_window_bytes;
// Of a frame's payload; the protocol's default, and the least that there is.
inline constexpr std::uint32_t h2_frame_bytes_max = 16 * 1024;
// Fields of one head, pseudo-fields and RFC 9113's 32 bytes for each included: 431 beyond it.
inline constexpr std::size_t h2_head_bytes_max = 64 * 1024;
inline constexpr std::size_t h2_head_fields_max = 100;
// Of a worker's answer: a service sets a cookie for each of its parts.
inline constexpr std::size_t h2_response_fields_max = 1'024;
// A head beyond this is no longer decoded to be refused politely: the connection ends.
inline constexpr std::size_t h2_hostile_head_bytes = 1024 * 1024;
inline constexpr std::size_t h2_hostile_head_fields = 4'096;
// The table in which we remember what the peer has sent; HPACK's default.
inline constexpr std::uint32_t h2_decoder_table_bytes = 4 * 1024;

// ---- what we send -------------------------------------------------------------------------------
// The table in which a client has to remember what we have sent: room for the fields that come with
// each answer (date, server, via), which then cost a byte. An idle connection keeps it, in up to
// seven times as many bytes here: HPACK's default of 4 KiB would cost it 10 KiB and more.
inline constexpr std::size_t h2_encoder_table_bytes_to_clients = 256;
// Workers have few connections, which all requests share.
inline constexpr std::size_t h2_encoder_table_bytes_to_workers = 4 * 1024;
// An encoded head; larger ones are not sent.
inline constexpr std::size_t h2_sent_head_bytes_max = 128 * 1024;
// A worker that has not told its limit yet is sent so many streams.
inline constexpr std::uint32_t h2_streams_before_settings = 100;

// ---- what a connection may do that helps nobody -------------------------------------------------
// Points that a connection has at first, and can have at most, and how many come back each second.
// At a quarter of them it is told to go away, without any it is closed.
inline constexpr std::uint32_t h2_patience_points = 1'000;
inline constexpr std::uint32_t h2_patience_points_per_second = 100;
// Frames that a peer may have sent on a stream before it read our reset: a window's worth of them
// is on its way, in messages of a kilobyte; and of all streams together.
inline constexpr std::uint32_t h2_late_frames_per_reset = h2_stream_window_bytes / 1024;
inline constexpr std::uint32_t h2_late_frames_max = 100'000;
// New streams in one turn: more than this many times those allowed at once end the connection.
inline constexpr std::uint32_t h2_streams_per_turn_factor = 2;
// Entries of one SETTINGS frame; eight are defined.
inline constexpr std::size_t h2_settings_entries_max = 32;
// CONTINUATION frames of one head: the largest head that we take needs four.
inline constexpr std::size_t h2_continuations_max = 8;
// Frames other than DATA that wait to be sent to a peer that does not read: from so many on nothing
// more ought to be read of it, and at the limits the connection ends. Its streams may need three
// each at once; answers to PING and SETTINGS nobody needs many of.
inline constexpr std::size_t h2_outbound_frames_wait = 3 * h2_streams_max / 2;
inline constexpr std::size_t h2_outbound_acks_max = 2 * h2_streams_max;
inline constexpr std::size_t h2_outbound_frames_max = 10 * h2_streams_max;

// ---- memory -------------------------------------------------------------------------------------
// Blocks that no session needs now, kept by each loop for the next one.
inline constexpr std::size_t h2_spare_bytes_max = 4 * 1024 * 1024;
// The same of streams and heads; ten busy connections have so many.
inline constexpr std::size_t h2_spare_streams_max = 1'024;

}  // namespace tandem::limits
