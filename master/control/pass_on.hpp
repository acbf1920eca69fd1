// pass_on.hpp: a standby passes a request for a change on to the primary, and the answer back, so
// that operators need not know who leads.
//
// It is passed on once: the answer counts, even if it says that this master does not lead any more.
// When the connection breaks after the request was sent the outcome is unknown, and the answer says
// so.
#pragma once

#include <string>

#include <boost/asio/awaitable.hpp>

#include "common/base/endpoint.hpp"
#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "common/http/http_call.hpp"
#include "common/http/http_message.hpp"

namespace tandem::master {

// `token`: sent to the primary; empty: none. The text that `request` refers to outlives the answer.
// None of the caller's own fields is passed on: `request.on_behalf_of` is this master's own text.
// `answer_max`: for the whole exchange; after that the outcome is unknown (503, outcome_unknown),
// and likewise when `calls` are cancelled meanwhile. Errors: `unavailable` when the primary cannot
// be reached, so that nothing was changed.
boost::asio::awaitable<Result<ControlResponse>> pass_on(HttpCalls& calls, Endpoint primary,
                                                        const ControlRequest& request,
                                                        std::string token, Duration answer_max);

}  // namespace tandem::master
