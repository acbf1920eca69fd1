// lists_file.hpp: what was read last of each source, in the data directory: a master that starts
// while a registry is away has the instances that it had.
//
// Blocks for the disk. Any thread.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "common/base/result.hpp"
#include "master/discovery/instance_list.hpp"

namespace tandem::master {

using InstanceListPtr = std::shared_ptr<const InstanceList>;
// By the text of their sources; none is null.
using InstanceLists = std::map<std::string, InstanceListPtr, std::less<>>;

// Errors: `io`.
Result<> store_lists(const std::string& directory, const InstanceLists& lists);
// Errors: `not_found`, and those of a file that cannot be used.
Result<InstanceLists> load_lists(const std::string& directory);

}  // namespace tandem::master
