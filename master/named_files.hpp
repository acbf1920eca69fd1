// named_files.hpp: the files that keys of the configuration name and that are read again with it,
// and whether there is something else in them: a reload changes what is in force by them, too.
//
// Owner: values.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/configuration.hpp"

namespace tandem::master {

// By key and path: a digest of what is in the file; empty: it cannot be read, or is no regular
// file.
using FileContents = std::map<std::pair<std::string, std::string>, std::string>;

// Blocks for the disk. The contents of secrets are kept as digests alone.
FileContents contents_of_files(const Configuration& configuration);

// The keys of which both name the same file with another content, in the order of their names.
std::vector<std::string> keys_with_other_content(const FileContents& before,
                                                 const FileContents& after);

}  // namespace tandem::master
