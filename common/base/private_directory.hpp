// private_directory.hpp: makes a data directory (--data-dir, --state-dir) private to its owner: no
// other user can read the log, which holds the cluster's secret, or put something in its place.
//
// A directory that holds only our files is set to mode 0700. One that holds other things has
// another use (/tmp, /var/lib) and is not changed: it is refused when other users can enter it.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace tandem {

// Creates the directory if it is missing; its parent exists. Afterwards it has mode 0700 and
// belongs to this user, and our files in it are regular files of this user with mode 0600. Errors:
// `io`, naming `field`, the path, what is wrong and what to do.
Result<> make_private(const std::string& path, std::string_view field);

}  // namespace tandem
