// events.hpp: `tandem events`: what happened in the cluster lately, and what happens from now on.
#pragma once

#include <functional>
#include <string>

#include "ctl/commands.hpp"

namespace tandem::ctl {

// Those after the event `since`; all that are kept when that is empty. As tables a line for each,
// as JSON the master's own line of each.
Result<std::string> show_events(const ControlClient& client, const std::string& since,
                                Format format);

// The same, and then each as it comes, while `print` returns true. A master that dies is replaced
// by the next one that answers, from the last event on. Errors: as ControlClient when the first
// question fails; while no master answers later it asks again, each second.
Result<> follow_events(const ControlClient& client, std::string since, Format format,
                       const std::function<bool(const std::string& lines)>& print);

}  // namespace tandem::ctl
