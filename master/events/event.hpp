// event.hpp: one thing that happened in the cluster, for people and programs.
//
// Owner: a value.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "common/core/ids.hpp"
#include "common/wire/author.hpp"
#include "master/events/event_id.hpp"

namespace tandem::master {

enum class EventKind {
  role,         // who leads, and what this master is
  worker,       // a worker's state, as this master sees it
  change,       // of the cluster's state: committed, the same on all masters
  request,      // what an operator asked of this master alone, such as a switchover
  voters,       // who votes, and who of them answers
  protection,   // whether any single loss is survived
  panic,        // whether a service sends requests to unhealthy workers for lack of others
  reload,       // files that were read again, or refused
  certificate,  // one that ends soon
  disk,         // a master or witness cannot write its log, or can again
  discovery,    // a registry of --discover cannot be read, or can again
  publication,  // a registry of --publish cannot be written, or can again
};
std::string_view to_string(EventKind kind);

struct Event {
  using Time = std::chrono::system_clock::time_point;

  EventKind kind = EventKind::change;
  std::string what{};     // of a change its verb, such as drain; otherwise often empty
  std::string subject{};  // whom it is about: a worker, a service, a master
  std::string text{};     // one sentence
  std::string reason{};   // why; empty: none is known
  std::string before{};   // the old and the new value, where there are such
  std::string after{};
  wire::Author by{};  // who asked for it
  Time time{};        // 1970: now
};

// One line, without its end.
std::string to_json(const Event& event, const EventId& id, std::string_view node, Term term);

// At most limits::event_text_bytes_max of it, and a sign that it was cut.
std::string shortened(const std::string& text);

// RFC 3339 in UTC, with milliseconds.
std::string to_text(Event::Time time);

}  // namespace tandem::master
