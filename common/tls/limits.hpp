// limits.hpp: the limits of certificates inside a cluster.
#pragma once

#include <cstddef>

namespace tandem::limits {

// A file of certificates, of a key, or of revocations: some hundred of each.
inline constexpr std::size_t pem_bytes_max = 256 * 1024;
// A file of authorities: those of a system are 220 KiB.
inline constexpr std::size_t authorities_bytes_max = 1024 * 1024;
// Of authorities between a member and the one that is trusted.
inline constexpr int chain_depth_max = 4;
// Of all certificates that a peer shows: one with all services that it may have is 8 KiB.
inline constexpr long chain_bytes_max = 64 * 1024;
// Twenty years: a longer life is a mistake in writing.
inline constexpr unsigned certificate_days_max = 7'300;

}  // namespace tandem::limits
