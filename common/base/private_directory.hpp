// private_directory.hpp: a directory that keeps what a process must not forget (--data-dir,
// --state-dir) is its own: nobody else reads the log, which holds the cluster's secret, or puts
// something in its place.
//
// A directory that holds nothing but our files is tightened to 0700; one with other things in it is
// somebody's (/tmp, /var/lib), and stays as it is: it is refused when others may look into it.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace tandem {

// Makes the directory when it is missing; its parent exists. After it: mode 0700, of this user, and
// our files in it regular ones of this user with mode 0600. Errors: `io`, naming `field`, the path,
// what is wrong and what to do.
Result<> make_private(const std::string& path, std::string_view field);

}  // namespace tandem
