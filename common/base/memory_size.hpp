// memory_size.hpp: how much memory this process may use.
#pragma once

#include <cstdint>
#include <string>

namespace tandem {

// Bytes: the memory of the machine, or less where a control group (version 1 or 2) that this
// process is in, or its own limits (two thirds of what RLIMIT_AS and RLIMIT_DATA leave now), allow
// less. 0 when nothing is known. `root`: where /proc and /sys are.
std::uint64_t usable_memory(const std::string& root = "");

}  // namespace tandem
