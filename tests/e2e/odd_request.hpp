// odd_request.hpp: unusual requests, made at random from a seed.
//
// Each is complete according to some reader, so no server waits for more of it. Its body is itself
// a request, so that a server that takes a body for the next request answers it.
#pragma once

#include <string>

#include "common/base/splitmix64.hpp"

namespace tandem::e2e {

struct OddRequest {
  std::string bytes;
  bool is_head = false;  // its answer has no body
};

OddRequest make_odd_request(SplitMix64& random);

}  // namespace tandem::e2e
