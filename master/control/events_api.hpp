// events_api.hpp: GET /events: what happened lately, the newest last.
//
//   GET /events                {"node": "a", "missed": false, "last": "3.17", "events": [...]}
//   GET /events?since=3.12     those after that event; "missed": there were more in between
//   GET /events?limit=100      the newest 100 of them
//   Accept: text/event-stream  the same as a stream that goes on, from Last-Event-ID or `since`;
//                              without either from now on. "event: missed" where there is a gap
#pragma once

#include "master/control/api_router.hpp"
#include "master/control/event_feed.hpp"
#include "master/events/event_log.hpp"

namespace tandem::master {

// All outlive the router.
void route_events(ApiRouter& router, const std::string& node, const EventLog& events,
                  EventFeed& feed);

}  // namespace tandem::master
