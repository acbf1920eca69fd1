// log.hpp: writes a line of the log, from any thread after start_logging() (logging.hpp).
//
// Lines are formatted in one place: what spdlog instantiates for the arguments of each line would
// cost every file that logs two seconds to compile.
#pragma once

#include <fmt/core.h>

#include "common/base/logging.hpp"

namespace tandem::log {

void write(LogLevel level, fmt::string_view format, fmt::format_args arguments);

template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  write(LogLevel::debug, format, fmt::make_format_args(args...));
}

template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write(LogLevel::info, format, fmt::make_format_args(args...));
}

template <class... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  write(LogLevel::warning, format, fmt::make_format_args(args...));
}

template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(LogLevel::error, format, fmt::make_format_args(args...));
}

}  // namespace tandem::log
