// masters.hpp: `tandem master`: lists, adds, removes and replaces masters. Each command can be
// repeated after a failure.
#pragma once

#include <string>

#include "common/base/endpoint.hpp"
#include "ctl/commands.hpp"
#include "ctl/draining.hpp"

namespace tandem::ctl {

Result<std::string> show_masters(const ControlClient& client, Format format);
// Makes it a member; it votes once it was started with --join.
Result<std::string> add_master(const ControlClient& client, const std::string& name,
                               const Endpoint& address, Format format);
// Returns when it no longer votes, or `timed_out`, after which the change continues.
Result<std::string> remove_master(const ControlClient& client, const std::string& name,
                                  const Waiting& waiting, Format format);
// Returns when `name` votes and `old` does not; likewise.
Result<std::string> replace_master(const ControlClient& client, const std::string& old,
                                   const std::string& name, const Endpoint& address,
                                   const Waiting& waiting, Format format);

}  // namespace tandem::ctl
