// masters.hpp: GET /v1/masters, which any master answers: who the masters of the cluster are, and
// where. For workers, clients and new masters, which know one of them and want to know all.
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
  bool votes = false;       // it is a member in force, not one that is about to be
  std::string replaces{};   // the master that goes once this one votes; empty: none
  std::string waits_for{};  // why it does not vote yet, in words; empty: it does
  friend bool operator==(const MasterStatus&, const MasterStatus&) = default;
};

struct Masters {
  std::string cluster;  // the cluster's id; empty: none is known yet
  std::string node;     // who answers
  std::string primary;  // empty: nobody is known to lead
  Term term;
  std::vector<MasterStatus> masters;  // by name; the one that answers is among them if it belongs
};

std::string to_json(const Masters& masters);
// Errors: `invalid`, naming the member at fault. Members that are not known are ignored.
Result<Masters> parse_masters(std::string_view json);

}  // namespace tandem::wire
