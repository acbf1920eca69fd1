// odd_request.hpp: requests that few would send, made at random from a seed.
//
// Each is whole by the grammar of somebody: no server waits for more of it. What it hides in its
// body is itself a request, so that whoever takes a body for the next request answers to it.
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
