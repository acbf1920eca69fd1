// standing.hpp: what a primary tells the other members about the voters, which only it knows: which
// ones answer, how far each log has come, and whether a loss would be survived. So GET /status says
// the same at every master. From feature level 2 on it is the member "standing" of an envelope:
//
//   {"commit": 91, "protected": true, "protection": "all voters answer",
//    "voters": [{"name": "b", "match": 91}, {"name": "w1", "match": 88, "silent_ms": 640}]}
//
// Units: whole milliseconds. Owner: a value.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/base/strong.hpp"
#include "common/base/time.hpp"

namespace tandem::wire {

class MemberReader;

struct VoterStanding {
  std::string name;
  LogIndex match{};
  std::optional<Duration> silent{};  // how long it has not been heard; empty while it answers
  friend bool operator==(const VoterStanding&, const VoterStanding&) = default;
};

// A sentence with the names of seven voters and their silences.
inline constexpr std::size_t protection_bytes_max = 2'048;

struct Standing {
  LogIndex commit{};
  bool is_protected = false;
  std::string protection{};             // why, a sentence; at most protection_bytes_max
  std::vector<VoterStanding> voters{};  // at most limits::voters_max + 1
  friend bool operator==(const Standing&, const Standing&) = default;
};

nlohmann::ordered_json document_of(const Standing& standing);
void read(MemberReader& reader, Standing& standing);

}  // namespace tandem::wire
