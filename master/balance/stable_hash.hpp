// stable_hash.hpp: a 64-bit hash of a text, the same in every process and on every machine, so that
// all masters place a key alike. FNV-1a, then MurmurHash3's finalizer, without which the high bits
// of short texts hardly differ. Not for secrets: collisions are easy to construct. Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace tandem::master {

constexpr std::uint64_t mixed(std::uint64_t hash) {
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdu;
  hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53u;
  return hash ^ (hash >> 33);
}

constexpr std::uint64_t stable_hash(std::string_view text, std::uint64_t seed = 0) {
  std::uint64_t hash = 0xcbf29ce484222325u ^ mixed(seed);
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return mixed(hash);
}

}  // namespace tandem::master
