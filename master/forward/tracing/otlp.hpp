// otlp.hpp: spans as a collector of OpenTelemetry reads them: the body of a POST to /v1/traces
// (OTLP 1.0, JSON of ExportTraceServiceRequest). Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "master/forward/tracing/span.hpp"

namespace tandem::master {

// `node`: the name of this master. `boot`: when the clock of Instant began, since 1970.
std::string to_otlp(std::span<const Span> spans, std::string_view node, Duration boot);

}  // namespace tandem::master
