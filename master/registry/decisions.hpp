// decisions.hpp: what operators decided through the control API. It must survive a restart of the
// master; all else that the registry knows is learnt again from heartbeats and probes.
//
// Decisions are kept by the worker's name, not by its registration: a drained worker that restarts,
// or that this master forgot, is drained still when it comes back.
//
// On disk (data directory, decisions.json):
//   {"format": 1, "drained": ["w1"], "weights": {"w2": 50}, "added": [{"name": "n1", "address":
//   ...}]}
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "common/base/result.hpp"
#include "common/wire/worker_spec.hpp"

namespace tandem::master {

struct Decisions {
  std::set<std::string, std::less<>> drained;
  std::map<std::string, unsigned, std::less<>> weights;
  std::map<std::string, wire::WorkerSpec, std::less<>> added;  // by their names
};

std::string to_json(const Decisions& decisions);

// Errors: `invalid`, naming the member at fault; an unknown member or format is an error too, for a
// newer version may have written what this one would lose.
Result<Decisions> parse_decisions(std::string_view json);

}  // namespace tandem::master
