// memory_size.hpp: how much memory this process may use.
#pragma once

#include <cstdint>
#include <string>

namespace tandem {

// Bytes: the memory of the machine, or the lowest limit of the control groups (version 1 or 2) that
// this process is in. 0 when neither is known. `root`: where /proc and /sys are.
std::uint64_t usable_memory(const std::string& root = "");

}  // namespace tandem
