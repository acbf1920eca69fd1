// known_masters.hpp: which masters a worker heartbeats to, from what it was told at its start, what
// it has learned since, and what it kept of that.
//
// The primary's answers name the masters of the cluster. So a worker that knows one of them knows
// all, follows when masters come, go and move, and finds them again after a restart, also when none
// of those that it was started with is left.
//
// Pure but for load() and save(); any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/endpoint.hpp"

namespace tandem {

struct KnownMaster {
  std::string name;
  Endpoint control;  // the host may be a name
  friend bool operator==(const KnownMaster&, const KnownMaster&) = default;
};

// "a=10.0.0.1:7070 b=10.0.0.2:7070", as the member "masters" of an answer has it. What cannot be
// connected to (another's host 0.0.0.0) or is not understood is left out; at most
// limits::masters_max are read.
std::vector<KnownMaster> parse_known_masters(std::string_view text);
std::string to_string(const std::vector<KnownMaster>& masters);

// In the state directory. None: nothing was kept, or it cannot be read.
std::vector<KnownMaster> load_known_masters(const std::string& directory);
// Only a convenience: what cannot be written is learned again.
void save_known_masters(const std::string& directory, const std::vector<KnownMaster>& masters);

}  // namespace tandem
