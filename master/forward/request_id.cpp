#include "master/forward/request_id.hpp"

#include <bit>
#include <random>

namespace tandem::master {

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
  static constexpr char digits[] = "0123456789abcdef";
  Id id;
  std::size_t place = 0;
  for (int half = 0; half < 2; ++half) {
    auto word = next_word();
    for (int nibble = 0; nibble < 16; ++nibble, word >>= 4) id[place++] = digits[word & 15];
  }
  return id;
}

}  // namespace tandem::master
