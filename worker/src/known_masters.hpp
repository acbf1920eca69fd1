// known_masters.hpp: the masters to which a worker heartbeats: those configured, those learned from
// answers, and those stored by an earlier run.
//
// The primary's answers name the masters of the cluster. So a worker that knows one of them learns
// all, follows when masters join, leave and move, and finds them again after a restart even if none
// of the configured ones is left.
//
// Pure, except load_known_masters(), which blocks for the disk; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/endpoint.hpp"
#include "common/base/result.hpp"

namespace tandem {

struct KnownMaster {
  std::string name;
  Endpoint control;  // the host may be a name, but not 0.0.0.0 or ::
  friend bool operator==(const KnownMaster&, const KnownMaster&) = default;
};

// Parses "a=10.0.0.1:7070 b=10.0.0.2:7070", the member "masters" of an answer, completely or not at
// all: a master that is not in the list has left, so a partly understood list would end heartbeats
// to a healthy master. Errors: `invalid` for an entry that is not NAME=HOST:PORT, for a repeated
// name or address, and for more than twice limits::masters_max entries (joining and leaving masters
// are both listed).
Result<std::vector<KnownMaster>> parse_known_masters(std::string_view text);
std::string to_string(const std::vector<KnownMaster>& masters);

std::string known_masters_file(const std::string& state_directory);
// Empty when there is no file. Errors: `invalid` and `io`, naming it.
Result<std::vector<KnownMaster>> load_known_masters(const std::string& state_directory);

}  // namespace tandem
