// memory_size.hpp: how much memory this process may use.
#pragma once

#include <cstdint>
#include <string>

namespace tandem {

// Bytes: of the machine, or of the control group (version 1 or 2) that allows the least, of those
// that this process is in. 0 when neither is known. `root`: where /proc and /sys are.
std::uint64_t usable_memory(const std::string& root = "");

}  // namespace tandem
