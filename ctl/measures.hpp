// measures.hpp: how long workers take lately, and what waits for room, as a master tells it beside
// its status: GET /v1/latency and GET /v1/history.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "common/base/result.hpp"
#include "ctl/control_client.hpp"

namespace tandem::ctl {

struct Measures {
  struct Times {
    double p50_ms = 0;
    double p99_ms = 0;
  };
  std::map<std::string, Times> workers;          // that have answered lately
  std::map<std::string, std::uint64_t> waiting;  // requests, by service
};

// A master of a version that does not tell them has none.
Measures ask_measures(const ControlClient& client);
// From the two documents. What is not as it should be is left out. Pure.
Measures parse_measures(std::string_view latency, std::string_view history);

}  // namespace tandem::ctl
