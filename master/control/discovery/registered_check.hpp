// registered_check.hpp: a check that masters make of an instance which registered as with a Consul
// agent. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/time.hpp"

namespace tandem::master {

struct ProbedCheck {
  std::string target{};    // what is probed, as it was written
  std::string path{};      // of a GET, whose status has to be 200 to 299; empty: a connection
                           // that is accepted is enough
  std::uint16_t port = 0;  // at the instance's host
  Duration interval{0};
  Duration timeout{0};     // of one probe
  unsigned healthy = 1;    // good ones in a row until it passes
  unsigned unhealthy = 1;  // bad ones in a row until it is critical

  friend bool operator==(const ProbedCheck&, const ProbedCheck&) = default;
};

}  // namespace tandem::master
