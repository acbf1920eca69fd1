// logging.hpp: one line on stderr for each event, written by a thread of its own.
//
//   2026-01-31T12:00:00.123Z info worker is up name=w1 service=default address=127.0.0.1:9001
//
// A line is an event: a short sentence, then key=value fields that can be pasted into a test. The
// queue is bounded (limits::log_lines_max): when stderr is slow the oldest lines are lost, nobody
// waits. What a stranger may have put into a line is harmless on a terminal (printable.hpp). After
// start_logging() any thread logs through spdlog::info() and its kin.
#pragma once

#include <string_view>

#include "common/base/result.hpp"

namespace tandem {

enum class LogLevel { debug, info, warning, error, off };

const char* to_string(LogLevel level);

// Errors: `invalid`, naming `field`, for any other word.
Result<LogLevel> parse_log_level(std::string_view text, std::string_view field);

// Once, by main(), before threads are started: lines below `level` are not written.
void start_logging(LogLevel level);

// Writes what is queued and ends the thread. By main(), after the threads that log have ended.
void stop_logging();

}  // namespace tandem
