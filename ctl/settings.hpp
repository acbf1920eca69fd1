// settings.hpp: `tandem service`: what is said of a service.
#pragma once

#include <string>
#include <vector>

#include "ctl/commands.hpp"

namespace tandem::ctl {

// One KEY=VALUE a line, as change_settings() takes them.
Result<std::string> show_settings(const ControlClient& client, const std::string& service,
                                  Format format);
// Each KEY=VALUE in place of what was said for that key; what was said for others stays. Two that
// do this in the same moment may lose one of the changes.
Result<std::string> change_settings(const ControlClient& client, const std::string& service,
                                    const std::vector<std::string>& settings, Format format);
// Nothing is said of the service any more: it is treated as the masters' flags say for all.
Result<std::string> reset_settings(const ControlClient& client, const std::string& service,
                                   Format format);

}  // namespace tandem::ctl
