// trace_context.hpp: whether a traceparent may be passed on (W3C Trace Context §3.2). The gateway
// takes no part in traces: it passes a valid one on unchanged, and drops an invalid one.
#pragma once

#include <string_view>

namespace tandem {

bool is_valid_traceparent(std::string_view value);

}  // namespace tandem
