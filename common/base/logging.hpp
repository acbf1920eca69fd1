// logging.hpp: one line on stderr for each event, written by a thread of its own.
//
//   2026-01-31T12:00:00.123Z info worker is up name=w1 service=default address=127.0.0.1:9001
//
// A line is an event: a short sentence, then key=value fields that can be pasted into a test; or
// the same as an object of JSON; or as systemd's journal takes it, with its fields as fields
// (journal_sink.hpp). The queue is bounded (limits::log_lines_max): when
// stderr is slow the oldest lines are dropped and no thread waits. Text that a stranger got into a
// line is harmless on a terminal (printable.hpp). After start_logging() any thread logs through
// log::info() and its siblings (log.hpp).
#pragma once

#include <string_view>

#include "common/base/result.hpp"

namespace tandem {

enum class LogLevel { debug, info, warning, error, off };

enum class LogFormat { text, json, journal };

const char* to_string(LogLevel level);
const char* to_string(LogFormat format);

// Errors: `invalid`, naming `field`, for any other word.
Result<LogLevel> parse_log_level(std::string_view text, std::string_view field);

// The same for "text", "json" and "journal".
Result<LogFormat> parse_log_format(std::string_view text, std::string_view field);

// Called once, by main(), before threads are started. Lines below `level` are not written.
void start_logging(LogLevel level, LogFormat format = LogFormat::text);

// From the next line on. Any thread, after start_logging().
void set_log_level(LogLevel level);
void set_log_format(LogFormat format);

// Writes the queued lines and ends the thread. Called by main(), after the threads that log have
// ended.
void stop_logging();

}  // namespace tandem
