#include "master/forward/http/request_id.hpp"

#include <array>
#include <bit>
#include <cstring>
#include <random>

namespace tandem::master {

namespace {

// Two digits for each byte.
constexpr std::array<char, 512> hex_pairs = [] {
  std::array<char, 512> pairs{};
  constexpr char digits[] = "0123456789abcdef";
  for (std::size_t byte = 0; byte < 256; ++byte) {
    pairs[2 * byte] = digits[byte >> 4];
    pairs[2 * byte + 1] = digits[byte & 15];
  }
  return pairs;
}();

}  // namespace

RequestIds::RequestIds() {
  std::random_device device;
  for (auto& word : state_) word = (static_cast<std::uint64_t>(device()) << 32) | device();
}

std::uint64_t RequestIds::next_word() {
  const auto result = std::rotl(state_[0] + state_[3], 23) + state_[0];
  const auto shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

RequestIds::Id RequestIds::next() {
  Id id;
  std::size_t place = 0;
  for (int half = 0; half < 2; ++half) {
    auto word = next_word();
    for (int byte = 0; byte < 8; ++byte, word >>= 8, place += 2) {
      std::memcpy(id.data() + place, hex_pairs.data() + 2 * (word & 255), 2);
    }
  }
  return id;
}

}  // namespace tandem::master
