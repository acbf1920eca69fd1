#include "common/wire/repeated_heartbeat.hpp"

#include <fmt/format.h>

#include "common/base/assert.hpp"
#include "common/base/name.hpp"
#include "common/wire/flat_object.hpp"
#include "common/wire/limits.hpp"

namespace tandem::wire {

namespace {

constexpr std::string_view keys[] = {"name", "incarnation", "repeats", "in_flight", "term"};
constexpr unsigned needed = 0b00111;

}  // namespace

std::string repetition_of(const Heartbeat& heartbeat) {
  TANDEM_ASSERT(heartbeat.sequence > 0);
  return fmt::format(R"({{"name":"{}","incarnation":"{}","repeats":{},"in_flight":{},"term":{}}})",
                     heartbeat.name, heartbeat.incarnation, heartbeat.sequence, heartbeat.in_flight,
                     heartbeat.term.value());
}

std::optional<RepeatedHeartbeat> read_repetition(std::string_view body) {
  RepeatedHeartbeat repeated;
  unsigned seen = 0;
  FlatObject object(body);
  FlatMember member;
  while (object.next(member)) {
    unsigned place = 0;
    while (place < std::size(keys) && keys[place] != member.key) ++place;
    if (place == std::size(keys) || (seen >> place & 1) != 0) return std::nullopt;
    seen |= 1u << place;
    const bool is_text = place < 2;
    const auto kind = is_text ? FlatMember::Kind::text : FlatMember::Kind::number;
    if (member.kind != kind || (is_text && !is_name(member.text))) return std::nullopt;
    switch (place) {
      case 0: repeated.name = member.text; break;
      case 1: repeated.incarnation = member.text; break;
      case 2: repeated.sequence = member.number; break;
      case 3:
        if (member.number > limits::worker_in_flight_max) return std::nullopt;
        repeated.in_flight = static_cast<unsigned>(member.number);
        break;
      default: repeated.term = Term(member.number); break;
    }
  }
  const bool is_whole = object.is_plain() && (seen & needed) == needed;
  const bool is_numbered = repeated.sequence > 0 && repeated.sequence <= limits::sequence_max;
  return is_whole && is_numbered ? std::optional(repeated) : std::nullopt;
}

}  // namespace tandem::wire
