// event_id.hpp: the ids of events, by which a reader goes on where it stopped, at any master.
//
//   3.1742                   a change of the log: entry 1742, written in term 3. It has the same id
//                            on all masters, before and after a restart.
//   3.1742+b.1764221000123   what the master b saw itself, after it had applied that entry. The
//                            last number is its clock in milliseconds, or one more than that of its
//                            event before: so no id comes twice, also after a restart.
//
// So an id says what came before it even where the event itself is unknown: another master tells
// the changes after entry 1742, and what it has seen itself since that time.
//
// Owner: values.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/core/ids.hpp"

namespace tandem::master {

// The order of the log: by term, then by index.
struct LogPosition {
  Term term;
  LogIndex index;
  friend auto operator<=>(const LogPosition&, const LogPosition&) = default;
};

struct EventId {
  LogPosition position;     // of the change, or of the last one that was applied before
  std::string node{};       // who saw it; empty: all have it
  std::int64_t number = 0;  // milliseconds since 1970, for local events
  bool is_local() const { return !node.empty(); }
  friend bool operator==(const EventId&, const EventId&) = default;
};

std::string to_string(const EventId& id);
// Nothing: it is none.
std::optional<EventId> parse_event_id(std::string_view text);

}  // namespace tandem::master
