// direct_caller.hpp: callers of a control address without a token must come straight from this
// machine.
//
// A page in a browser can name any host, and have that name point to a loopback address when it
// asks (DNS rebinding): the browser then takes our answers for its own site's and hands them over.
// And a proxy on this machine may pass on requests from anywhere. The Host field gives the first
// away, and the fields that proxies add the second.
#pragma once

#include <optional>
#include <string_view>

#include "common/http/http_message.hpp"

namespace tandem {

// Returns 403 when the request names a host other than a loopback literal, "localhost" or
// `own_name`, the host of the address as configured, and when a proxy has passed it on. An HTTP/1.0
// request without a Host is direct: no browser sends one.
std::optional<ControlResponse> refuse_indirect(const ControlRequest& request,
                                               std::string_view own_name);

}  // namespace tandem
