// request_log.hpp: tells the access log of a request that has ended. Owner: the client's
// connection.
#pragma once

#include <string_view>

#include "common/http1/http_head.hpp"
#include "master/forward/access_log/note.hpp"
#include "master/forward/exchange/context.hpp"

namespace tandem::master {

// Does nothing when no access log is kept. `client`: its address.
void log_request(Context& context, Instant started, const AccessNote& note, std::string_view client,
                 const RequestHead& request, std::string_view request_id);

}  // namespace tandem::master
