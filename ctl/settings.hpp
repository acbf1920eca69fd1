// settings.hpp: `tandem service`: the settings of a service.
#pragma once

#include <string>
#include <vector>

#include "ctl/commands.hpp"

namespace tandem::ctl {

// One KEY=VALUE a line, as change_settings() takes them.
Result<std::string> show_settings(const ControlClient& client, const std::string& service,
                                  Format format);
// Replaces the setting of each KEY; the other settings stay. When two callers do this at the same
// moment one of the changes may be lost.
Result<std::string> change_settings(const ControlClient& client, const std::string& service,
                                    const std::vector<std::string>& settings, Format format);
// Removes all settings of the service, so that the masters' flags apply.
Result<std::string> reset_settings(const ControlClient& client, const std::string& service,
                                   Format format);

}  // namespace tandem::ctl
