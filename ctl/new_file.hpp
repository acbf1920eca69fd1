// new_file.hpp: a file that somebody will rely on: written completely or not at all, and nothing
// that is there already is overwritten.
#pragma once

#include <string>

#include "common/base/result.hpp"

namespace tandem::ctl {

// `mode`: who may read it, as chmod has it. When this returns it is on the disk. Errors: `io`,
// beginning with `what`, with the path and the reason, which may be that it exists.
Result<> write_new_file(const std::string& path, const std::string& text, unsigned mode,
                        const std::string& what);

}  // namespace tandem::ctl
