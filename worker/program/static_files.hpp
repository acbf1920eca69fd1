// static_files.hpp: the files below a directory over GET and HEAD, and nothing outside it.
//
// With validators, conditional requests and single ranges (ranged_content.hpp). A path that ends
// with / means the index.html there, and one without leads there. Names that begin with a dot are
// not there unless asked for: .git and .env are seldom meant for everybody.
//
// A request's path may not leave the directory by any way: dots, encoded dots, symbolic links. The
// check is made on the file that was opened, so that nothing can change between the check and the
// use.
#pragma once

#include <string>

#include "common/base/result.hpp"

namespace httplib {
class Server;
}

namespace tandem {

enum class Dotfiles { hidden, served };

// Errors: `io` when the directory cannot be read.
Result<> add_static_files(httplib::Server& server, const std::string& directory,
                          Dotfiles dotfiles = Dotfiles::hidden);

}  // namespace tandem
