// masters.hpp: GET /v1/masters, which any master answers: the masters of the cluster and their
// addresses. For workers, clients and new masters, which know one master and need to know all.
//
//   {"cluster": "8311...", "node": "b", "primary": "a", "term": 7, "masters":
//    [{"name": "a", "control": "10.0.0.1:7070", "listen": "10.0.0.1:80", "votes": true},
//     {"name": "c", "control": "10.0.0.3:7070", "listen": "", "votes": false,
//      "replaces": "b", "waits_for": "c has not been heard: start it with --join"}]}
//
// "listen" is empty while it is not known. A host 0.0.0.0 or :: means the host that was asked.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"
#include "common/base/strong.hpp"

namespace tandem::wire {

struct MasterStatus {
  std::string name;
  std::string control;      // HOST:PORT, the host may be a name
  std::string listen;       // HOST:PORT, numeric
  bool votes = false;       // it is a voter already, not one that is about to become one
  std::string replaces{};   // the master that leaves once this one votes; empty: none
  std::string waits_for{};  // why it does not vote yet, in words; empty: it does
  friend bool operator==(const MasterStatus&, const MasterStatus&) = default;
};

struct Masters {
  std::string cluster;  // the cluster's id; empty: none is known yet
  std::string node;     // who answers
  std::string primary;  // empty: no primary is known
  Term term;
  std::vector<MasterStatus>
      masters;  // sorted by name; includes the one that answers, if it belongs to the cluster
};

std::string to_json(const Masters& masters);
// Errors: `invalid`, naming the member at fault. Members that are not known are ignored.
Result<Masters> parse_masters(std::string_view json);

}  // namespace tandem::wire
