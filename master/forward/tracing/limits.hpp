// limits.hpp: the limits of tracing.
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::limits {

using namespace std::chrono_literals;

// Spans of one loop on their way to the collector, half a kilobyte each: those of some hundred
// requests, half a second's worth of what is usually sampled.
inline constexpr std::size_t spans_waiting_max = 1'024;
// Spans in one message to the collector: some 300 KiB of JSON.
inline constexpr std::size_t spans_sent_at_once = 512;
// How often what has ended is sent, and how long the collector may take for an answer, and for a
// connection: meanwhile what the loops have no room for is lost.
inline constexpr auto spans_sent_every = 500ms;
inline constexpr auto collector_answer_max = 2s;
inline constexpr auto collector_connect_max = 1s;
// Texts of a span are cut there.
inline constexpr std::size_t span_path_bytes_max = 200;
inline constexpr std::size_t span_text_bytes_max = 72;

}  // namespace tandem::limits
