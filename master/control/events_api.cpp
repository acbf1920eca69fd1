#include "master/control/events_api.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "common/http/api_response.hpp"
#include "master/control/query.hpp"
#include "master/events/limits.hpp"

namespace tandem::master {

namespace {

Result<std::uint64_t> read_limit(const std::string& text) {
  std::uint64_t limit = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
  if (error == std::errc() && end == text.data() + text.size()) return limit;
  return invalid("limit must be a number", "limit");
}

ControlResponse list(const std::string& node, const EventLog& events, EventLog::Resumed from,
                     std::uint64_t limit) {
  const auto begin = std::max(from.number, events.next() - std::min(limit, events.next()));
  std::string body = fmt::format(R"({{"node":"{}","missed":{},"last":)", node, from.missed);
  body += events.next() == events.first()
              ? "null"
              : fmt::format("\"{}\"", to_string(events.id(events.next() - 1)));
  body += ",\"events\":[";
  for (auto number = begin; number < events.next(); ++number) {
    body += number == begin ? "" : ",";
    body += events.json(number);
  }
  return document(body + "]}");
}

ControlResponse answer(const ControlRequest& request, const std::string& node,
                       const EventLog& events, EventFeed& feed) {
  auto parameters = parse_query(request.query, {"since", "limit"});
  if (!parameters) return refusal(parameters.error());
  const bool streams = request.accept.find("text/event-stream") != request.accept.npos;
  std::string since = (*parameters)["since"];
  if (streams && !request.last_event_id.empty()) since = request.last_event_id;
  std::uint64_t limit = limits::events_max;
  if (const auto found = parameters->find("limit"); found != parameters->end()) {
    const auto read = read_limit(found->second);
    if (!read) return refusal(read.error());
    limit = *read;
  }
  EventLog::Resumed from{streams ? events.next() : events.first(), false};
  if (!since.empty()) {
    const auto id = parse_event_id(since);
    if (!id) return refusal(invalid("since must be the id of an event", "since"));
    from = events.after(*id);
  }
  if (!streams) return list(node, events, from, limit);
  auto stream = feed.open(from);
  if (!stream) return refusal(stream.error());
  ControlResponse response;
  response.content_type = "text/event-stream";
  response.stream = std::move(*stream);
  return response;
}

}  // namespace

void route_events(ApiRouter& router, const std::string& node, const EventLog& events,
                  EventFeed& feed) {
  router.add({.method = "GET",
              .path = "/events",
              .handler = [&](const ControlRequest& request, const std::string&) {
                return answer(request, node, events, feed);
              }});
}

}  // namespace tandem::master
