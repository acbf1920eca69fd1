// access_log_flags.hpp: the flags of tandem-master about its access log.
#pragma once

#include "master/forward/access_log/options.hpp"

namespace CLI {
class App;
}

namespace tandem::master {

void bind_access_log(CLI::App& app, AccessLogOptions& options);

}  // namespace tandem::master
