// hash.hpp: a running digest of a history; equal histories have equal digests. Not for secrets.
#pragma once

#include <cstdint>

namespace tandem::sim {

inline std::uint64_t mix(std::uint64_t digest, std::uint64_t value) {
  digest = (digest ^ value) * 0x9fb21c651e98df25ULL;
  return digest ^ (digest >> 32);
}
inline std::uint64_t mix(std::uint64_t digest, std::uint64_t a, std::uint64_t b) {
  return mix(mix(digest, a), b);
}

}  // namespace tandem::sim
