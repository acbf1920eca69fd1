// request_id.hpp: makes the X-Request-Id of requests that have none: 128 bits as 32 hex digits,
// unique enough to find one request in all logs; not a secret. Owner: one loop.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace tandem::master {

class RequestIds {
 public:
  RequestIds();

  using Id = std::array<char, 32>;
  Id next();

 private:
  std::uint64_t next_word();  // xoshiro256++ (Blackman & Vigna 2019), seeded from the system
  std::array<std::uint64_t, 4> state_;
};

}  // namespace tandem::master
