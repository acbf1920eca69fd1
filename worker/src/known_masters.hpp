// known_masters.hpp: which masters a worker heartbeats to, from what it was told at its start, what
// it has learned since, and what it kept of that.
//
// The primary's answers name the masters of the cluster. So a worker that knows one of them knows
// all, follows when masters come, go and move, and finds them again after a restart, also when none
// of those that it was started with is left.
//
// Pure but for load_known_masters(), which blocks for the disk; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/endpoint.hpp"
#include "common/base/result.hpp"

namespace tandem {

struct KnownMaster {
  std::string name;
  Endpoint control;  // the host may be a name; 0.0.0.0 or :: is not said
  friend bool operator==(const KnownMaster&, const KnownMaster&) = default;
};

// "a=10.0.0.1:7070 b=10.0.0.2:7070", as the member "masters" of an answer has it. All or nothing:
// who is not in a list belongs no more, so one that is understood in part would end heartbeats to a
// master that is well. Errors: `invalid` for what is no NAME=HOST:PORT, a name or an address twice,
// and more than twice limits::masters_max, for those that come and those that go.
Result<std::vector<KnownMaster>> parse_known_masters(std::string_view text);
std::string to_string(const std::vector<KnownMaster>& masters);

std::string known_masters_file(const std::string& state_directory);
// None when there is no file. Errors: `invalid` and `io`, naming it.
Result<std::vector<KnownMaster>> load_known_masters(const std::string& state_directory);

}  // namespace tandem
