// draining.hpp: `tandem drain --wait` and `tandem remove`: waiting until the last request of a
// worker has ended.
//
// A master is asked to wait for a second at a time, again and again, until one says that nothing is
// in flight: so the wait survives a change of masters, since the drain is replicated.
#pragma once

#include <functional>
#include <string>

#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "ctl/commands.hpp"
#include "ctl/control_client.hpp"

namespace tandem::ctl {

struct Waiting {
  Duration timeout{};
  // Is called with a line about the progress, when that changes. May be empty.
  std::function<void(const std::string& line)> progress{};
};

// Drains it and returns when nothing of it is in flight any more, at any master; a worker that is
// gone meanwhile has nothing in flight. Errors: `timed_out`, saying how many are left.
Result<std::string> drain_and_wait(const ControlClient& client, const std::string& worker,
                                   const Waiting& waiting, Format format);

// The same, and then takes it out of the cluster.
Result<std::string> remove(const ControlClient& client, const std::string& worker,
                           const Waiting& waiting, Format format);
// The same without draining it first.
Result<std::string> remove_now(const ControlClient& client, const std::string& worker,
                               Format format);

}  // namespace tandem::ctl
