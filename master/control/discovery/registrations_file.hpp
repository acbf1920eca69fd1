// registrations_file.hpp: the registrations in the data directory, so that services need not
// register anew when all masters restart. Blocks for the disk.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "master/control/discovery/registrations.hpp"

namespace tandem::master {

// What is reported counts anew from the moment at which it is read: nobody could report in between.
std::string text_of(const Registrations& registrations, Instant now);
Result<> store_registrations(const std::string& directory, std::string_view text);
// Errors: `not_found`; `invalid` and `io`, naming the file. Those that are not understood are left
// out.
Result<std::vector<Registration>> load_registrations(const std::string& directory, Instant now);

}  // namespace tandem::master
