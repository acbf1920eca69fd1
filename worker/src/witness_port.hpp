// witness_port.hpp: the port on which a witness listened last, stored in its state directory, so
// that the masters find it again after everything has been restarted.
//
// Only a convenience: without it the next start uses another port. Any thread; blocks for the disk.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/result.hpp"

namespace tandem {

// 0 when there is none. Errors: `invalid` and `io`, naming the file.
Result<std::uint16_t> load_witness_port(const std::string& state_directory);
// Errors: `io`, naming the file.
Result<> save_witness_port(const std::string& state_directory, std::uint16_t port);

}  // namespace tandem
