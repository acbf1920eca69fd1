// access_log_flags.hpp: the flags of tandem-master about its access log.
#pragma once

#include <string>
#include <vector>

#include "master/forward/access_log/options.hpp"

namespace CLI {
class App;
}

namespace tandem::master {

void bind_access_log(CLI::App& app, AccessLogOptions& options);
// What they contradict: a sentence each.
std::vector<std::string> check_access_log(const AccessLogOptions& options);

}  // namespace tandem::master
