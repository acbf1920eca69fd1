// constant_time.hpp: compares secrets in a time that does not reveal how much of them was right.
#pragma once

#include <cstddef>
#include <string_view>

namespace tandem {

// Looks at every byte, wherever they differ; lengths are not secret.
inline bool equal_in_constant_time(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  volatile unsigned char difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference = static_cast<unsigned char>(difference | (a[i] ^ b[i]));
  }
  return difference == 0;
}

}  // namespace tandem
