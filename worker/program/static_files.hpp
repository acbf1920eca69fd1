// static_files.hpp: serves the files below a directory with GET and HEAD, and nothing outside it.
//
// It supports validators, conditional requests and single ranges (ranged_content.hpp). A path that
// ends with / means the index.html there, and a directory's path without / is redirected. Names
// that begin with a dot are hidden unless --dotfiles is given, because .git and .env are rarely
// meant for everybody.
//
// A request's path cannot leave the directory by dots, encoded dots or symbolic links. The check is
// made on the opened file, so that nothing can change between the check and the use.
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
