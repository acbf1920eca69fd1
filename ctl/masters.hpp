// masters.hpp: `tandem master`: who the masters are, and how they come and go. Each command can be
// repeated after a failure.
#pragma once

#include <string>

#include "common/base/endpoint.hpp"
#include "ctl/commands.hpp"
#include "ctl/draining.hpp"

namespace tandem::ctl {

Result<std::string> show_masters(const ControlClient& client, Format format);
// Says that it belongs; it votes once it was started with --join.
Result<std::string> add_master(const ControlClient& client, const std::string& name,
                               const Endpoint& address, Format format);
// Returns when it votes no more, or `timed_out`: then it goes on.
Result<std::string> remove_master(const ControlClient& client, const std::string& name,
                                  const Waiting& waiting, Format format);
// Returns when `name` votes and `old` does not; likewise.
Result<std::string> replace_master(const ControlClient& client, const std::string& old,
                                   const std::string& name, const Endpoint& address,
                                   const Waiting& waiting, Format format);

}  // namespace tandem::ctl
