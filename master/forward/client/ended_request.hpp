// ended_request.hpp: what is said of a request when it has ended, to the counters and to the access
// log. Owner: the client's connection.
#pragma once

#include <string_view>

#include "common/http1/http_head.hpp"
#include "master/forward/access_log/note.hpp"
#include "master/forward/exchange/context.hpp"
#include "master/forward/http/sender.hpp"

namespace tandem::master {

void note_ended(Context& context, Instant started, const AccessNote& note, const Sender& client,
                const RequestHead& request, std::string_view request_id);

}  // namespace tandem::master
