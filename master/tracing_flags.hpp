// tracing_flags.hpp: the flags of tandem-master about traces.
#pragma once

#include "master/forward/tracing/tracer.hpp"

namespace CLI {
class App;
}

namespace tandem::master {

void bind_tracing(CLI::App& app, TracingOptions& options);

}  // namespace tandem::master
