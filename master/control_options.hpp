// control_options.hpp: what the flags mean for the control plane, and what they contradict.
#pragma once

#include <string>
#include <vector>

#include "master/control/control_plane.hpp"
#include "master/flags.hpp"

namespace tandem::master {

ControlPlaneOptions control_options(const MasterFlags& flags);

// REQUIRES: host names are resolved. Each is a sentence that names the flags. Pure.
std::vector<std::string> contradictions(const MasterFlags& flags);

// What is wrong with the files that the flags name: certificates, keys, tokens; and what is found
// out before a start: backends, routes and settings that cannot be in force together. Blocks for
// the disk.
std::vector<std::string> check_files(const MasterFlags& flags);

}  // namespace tandem::master
