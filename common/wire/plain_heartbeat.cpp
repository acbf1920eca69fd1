#include "common/wire/plain_heartbeat.hpp"

#include <array>

#include "common/base/name.hpp"
#include "common/wire/flat_object.hpp"
#include "common/wire/limits.hpp"

namespace tandem::wire {

namespace {

using Kind = FlatMember::Kind;

bool take_name(const FlatMember& member, std::string& name) {
  if (member.kind != Kind::text || !is_name(member.text)) return false;
  name = member.text;
  return true;
}

bool take_endpoint(const FlatMember& member, Endpoint& endpoint) {
  if (member.kind != Kind::text) return false;
  auto parsed = parse_endpoint(member.text, member.key);
  if (!parsed.ok() || !parsed->is_numeric() || parsed->port == 0) return false;
  endpoint = std::move(*parsed);
  return true;
}

template <class Number>
bool take_number(const FlatMember& member, Number& number, std::uint64_t min, std::uint64_t max) {
  if (member.kind != Kind::number || member.number < min || member.number > max) return false;
  number = static_cast<Number>(member.number);
  return true;
}

bool take_truth(const FlatMember& member, bool& truth) {
  truth = member.truth;
  return member.kind == Kind::truth;
}

WitnessOffer& offer_of(Heartbeat& heartbeat) {
  return heartbeat.witness ? *heartbeat.witness : heartbeat.witness.emplace();
}

struct KnownMember {
  std::string_view key;
  bool (*take)(const FlatMember& member, Heartbeat& heartbeat);
};

constexpr std::array<KnownMember, 15> known_members{{
    {"name", [](const FlatMember& m, Heartbeat& h) { return take_name(m, h.name); }},
    {"incarnation", [](const FlatMember& m, Heartbeat& h) { return take_name(m, h.incarnation); }},
    {"address", [](const FlatMember& m, Heartbeat& h) { return take_endpoint(m, h.address); }},
    {"witness_incarnation",
     [](const FlatMember& m, Heartbeat& h) {
       return take_number(m, offer_of(h).incarnation, 1, limits::sequence_max);
     }},
    {"witness_control",
     [](const FlatMember& m, Heartbeat& h) { return take_endpoint(m, offer_of(h).control); }},
    {"service", [](const FlatMember& m, Heartbeat& h) { return take_name(m, h.service); }},
    {"weight", [](const FlatMember& m,
                  Heartbeat& h) { return take_number(m, h.weight, 0, limits::weight_max); }},
    {"connections",
     [](const FlatMember& m, Heartbeat& h) {
       return take_number(m, h.connections, 1, limits::worker_connections_max);
     }},
    {"in_flight",
     [](const FlatMember& m, Heartbeat& h) {
       return take_number(m, h.in_flight, 0, limits::worker_in_flight_max);
     }},
    {"state",
     [](const FlatMember& m, Heartbeat& h) {
       const auto known = m.kind == Kind::text ? parse_condition(m.text) : std::nullopt;
       h.condition = known.value_or(h.condition);
       return known.has_value();
     }},
    {"takes_proof", [](const FlatMember& m, Heartbeat& h) { return take_truth(m, h.takes_proof); }},
    {"term",
     [](const FlatMember& m, Heartbeat& h) {
       h.term = Term(m.number);
       return m.kind == Kind::number;
     }},
    {"protocol",
     [](const FlatMember& m, Heartbeat& h) {
       if (m.kind == Kind::text) h.protocol = parse_worker_protocol(m.text);
       return h.protocol.has_value();
     }},
    {"tls", [](const FlatMember& m, Heartbeat& h) { return take_truth(m, h.tls); }},
    {"sequence", [](const FlatMember& m,
                    Heartbeat& h) { return take_number(m, h.sequence, 1, limits::sequence_max); }},
}};
constexpr unsigned required = 0b00111;
constexpr unsigned of_witness = 0b11000;

}  // namespace

std::optional<Heartbeat> read_plain_heartbeat(std::string_view json) {
  if (json.size() > limits::control_body_bytes_max) return std::nullopt;
  std::optional<Heartbeat> heartbeat(std::in_place);
  unsigned seen = 0;
  FlatObject object(json);
  FlatMember member;
  while (object.next(member)) {
    unsigned place = 0;
    while (place < known_members.size() && known_members[place].key != member.key) ++place;
    if (place == known_members.size() || (seen >> place & 1) != 0) return std::nullopt;
    seen |= 1u << place;
    if (!known_members[place].take(member, *heartbeat)) return std::nullopt;
  }
  const bool has_witness = (seen & of_witness) != 0;
  const bool is_whole = object.is_plain() && (seen & required) == required &&
                        (!has_witness || (seen & of_witness) == of_witness);
  return is_whole ? std::move(heartbeat) : std::nullopt;
}

}  // namespace tandem::wire
