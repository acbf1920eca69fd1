// settling.hpp: waiting for what takes time after a master has answered: until a worker gets
// requests again, and until a cluster has settled after a switchover.
#pragma once

#include "ctl/draining.hpp"

namespace tandem::ctl {

// Undrains it, and returns when it is up. Errors: `timed_out`, saying what it is.
Result<std::string> undrain_and_wait(const ControlClient& client, const std::string& worker,
                                     const Waiting& waiting, Format format);

// As switch_over(), and returns when the new primary has a standby that could take its place, or
// the cluster has one master. Errors: `timed_out`, saying what is missing.
Result<std::string> switch_over_and_wait(const ControlClient& client, const std::string& to,
                                         const Waiting& waiting, Format format);

}  // namespace tandem::ctl
