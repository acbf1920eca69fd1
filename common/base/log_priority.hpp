// log_priority.hpp: the priorities of syslog (RFC 5424 §6.2.1), as the journal has them. Pure.
#pragma once

#include <spdlog/common.h>

namespace tandem {

constexpr char log_priority_of(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::debug: return '7';
    case spdlog::level::info: return '6';
    case spdlog::level::warn: return '4';
    case spdlog::level::err: return '3';
    default: return '2';
  }
}

}  // namespace tandem
