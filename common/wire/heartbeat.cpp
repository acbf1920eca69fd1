#include "common/wire/heartbeat.hpp"

#include <array>
#include <limits>
#include <utility>

#include <nlohmann/json.hpp>

#include "common/base/duration.hpp"
#include "common/base/name.hpp"
#include "common/wire/json_reader.hpp"
#include "common/wire/limits.hpp"
#include "common/wire/plain_heartbeat.hpp"

namespace tandem::wire {

namespace {

struct NamedCondition {
  WorkerCondition condition;
  const char* name;
};
constexpr std::array<NamedCondition, 4> conditions{{
    {WorkerCondition::up, "up"},
    {WorkerCondition::failing, "failing"},
    {WorkerCondition::draining, "draining"},
    {WorkerCondition::bye, "bye"},
}};

void read_condition(MemberReader& reader, WorkerCondition& condition) {
  std::string word = to_string(condition);
  reader.text("state", word, Presence::optional);
  if (const auto known = parse_condition(word)) {
    condition = *known;
  } else {
    reader.refuse("state", "must be up, failing, draining or bye");
  }
}

}  // namespace

std::optional<WorkerCondition> parse_condition(std::string_view word) {
  for (const auto& known : conditions) {
    if (word == known.name) return known.condition;
  }
  return std::nullopt;
}

const char* to_string(WorkerCondition condition) {
  for (const auto& known : conditions) {
    if (known.condition == condition) return known.name;
  }
  assertion_failed("a known worker condition", __FILE__, __LINE__);
}

std::string to_json(const Heartbeat& heartbeat) {
  nlohmann::ordered_json document{
      {"name", heartbeat.name},           {"incarnation", heartbeat.incarnation},
      {"service", heartbeat.service},     {"address", heartbeat.address.to_string()},
      {"weight", heartbeat.weight},       {"connections", heartbeat.connections},
      {"in_flight", heartbeat.in_flight}, {"state", to_string(heartbeat.condition)}};
  if (heartbeat.takes_proof) {
    document["takes_proof"] = true;
    document["term"] = heartbeat.term.value();
  }
  if (heartbeat.protocol) document["protocol"] = to_string(*heartbeat.protocol);
  if (heartbeat.tls) document["tls"] = true;
  if (heartbeat.witness && heartbeat.witness->dials()) {
    document["witness_dials"] = heartbeat.witness->incarnation;
  } else if (heartbeat.witness) {
    document["witness_incarnation"] = heartbeat.witness->incarnation;
    document["witness_control"] = heartbeat.witness->control.to_string();
  }
  if (heartbeat.sequence > 0) document["sequence"] = heartbeat.sequence;
  return dump(document);
}

std::string to_json(const HeartbeatReply& reply) {
  nlohmann::ordered_json document{{"node", reply.node},
                                  {"role", reply.role},
                                  {"term", reply.term.value()},
                                  {"primary", reply.primary},
                                  {"interval_ms", to_ms(reply.interval)},
                                  {"registered", reply.registered},
                                  {"removed", reply.removed},
                                  {"cluster_heartbeat_ms", to_ms(reply.cluster_heartbeat)},
                                  {"election_timeout_ms", to_ms(reply.election_timeout)}};
  if (reply.takes_repeats) document["takes_repeats"] = true;
  auto text = dump(document);
  if (!reply.key.empty()) text = with_member(text, "key", reply.key);
  if (!reply.checks.empty()) text = with_member(text, "checks", reply.checks);
  if (!reply.warning.empty()) text = with_member(text, "warning", reply.warning);
  if (!reply.masters.empty()) text = with_member(text, "masters", reply.masters);
  if (reply.masters_as_of > 0) {
    text = with_member(text, "cluster", reply.cluster);
    text.pop_back();
    text += fmt::format(R"(,"masters_as_of":{}}})", reply.masters_as_of);
  }
  return text;
}

std::string with_member(std::string_view reply, std::string_view name, std::string_view text) {
  TANDEM_ASSERT(reply.ends_with('}') && is_name(name));
  reply.remove_suffix(1);
  return fmt::format(R"({},"{}":{}}})", reply, name,
                     dump(nlohmann::ordered_json(std::string(text))));
}

std::optional<WorkerProtocol> read_worker_protocol(MemberReader& reader) {
  if (reader.is_null("protocol")) return {};
  std::string word;
  reader.text("protocol", word);
  const auto protocol = parse_worker_protocol(word);
  if (!protocol) reader.refuse("protocol", "must be http1 or http2");
  return protocol;
}

std::optional<WitnessOffer> read_witness_offer(MemberReader& reader) {
  constexpr std::uint64_t incarnation_max = (std::uint64_t{1} << 53) - 1;
  WitnessOffer offer;
  if (!reader.is_null("witness_dials")) {
    reader.number("witness_dials", offer.incarnation, 1, incarnation_max);
    return offer;
  }
  if (reader.is_null("witness_incarnation") && reader.is_null("witness_control")) return {};
  reader.number("witness_incarnation", offer.incarnation, 1, incarnation_max);
  reader.numeric_endpoint("witness_control", offer.control);
  return offer;
}

Result<Heartbeat> parse_heartbeat(std::string_view json) {
  if (auto plain = read_plain_heartbeat(json)) return std::move(*plain);
  const auto document = parse_object(json, limits::control_body_bytes_max);
  if (!document.ok()) return document.error();
  Heartbeat heartbeat;
  MemberReader reader(*document);
  reader.name("name", heartbeat.name);
  reader.name("incarnation", heartbeat.incarnation);
  reader.name("service", heartbeat.service, Presence::optional);
  reader.numeric_endpoint("address", heartbeat.address);
  reader.number("weight", heartbeat.weight, 0, limits::weight_max, Presence::optional);
  reader.number("connections", heartbeat.connections, 1, limits::worker_connections_max,
                Presence::optional);
  reader.number("in_flight", heartbeat.in_flight, 0, limits::worker_in_flight_max,
                Presence::optional);
  read_condition(reader, heartbeat.condition);
  reader.boolean("takes_proof", heartbeat.takes_proof, Presence::optional);
  std::uint64_t term = 0;
  reader.number("term", term, 0, std::numeric_limits<std::uint64_t>::max(), Presence::optional);
  heartbeat.term = Term(term);
  heartbeat.protocol = read_worker_protocol(reader);
  reader.boolean("tls", heartbeat.tls, Presence::optional);
  heartbeat.witness = read_witness_offer(reader);
  reader.number("sequence", heartbeat.sequence, 1, limits::sequence_max, Presence::optional);
  const auto finished = reader.finish(UnknownMembers::ignore_scalars);
  if (!finished.ok()) return finished.error();
  return heartbeat;
}

Result<HeartbeatReply> parse_heartbeat_reply(std::string_view json) {
  const auto document = parse_object(json, limits::control_body_bytes_max);
  if (!document.ok()) return document.error();
  HeartbeatReply reply;
  MemberReader reader(*document);
  reader.name("node", reply.node);
  reader.text("role", reply.role);
  if (reply.role != "primary" && reply.role != "standby" && reply.role != "candidate") {
    reader.refuse("role", "must be primary, standby or candidate");
  }
  std::uint64_t term = 0;
  reader.number("term", term, 0, std::numeric_limits<std::uint64_t>::max());
  reply.term = Term(term);
  reader.text("primary", reply.primary);
  if (!reply.primary.empty() && !is_name(reply.primary)) {
    reader.refuse("primary", "must be empty or a node's name");
  }
  std::int64_t interval_ms = 0;
  reader.number("interval_ms", interval_ms,
                static_cast<std::uint64_t>(to_ms(limits::heartbeat_interval_min)),
                static_cast<std::uint64_t>(to_ms(limits::heartbeat_interval_max)));
  reply.interval = std::chrono::milliseconds(interval_ms);
  reader.boolean("registered", reply.registered);
  reader.boolean("removed", reply.removed, Presence::optional);
  const auto duration = [&reader](const char* key, Duration& value) {
    constexpr std::uint64_t longest_ms = std::chrono::milliseconds(1h).count();
    std::int64_t ms = 0;
    reader.number(key, ms, 0, longest_ms, Presence::optional);
    value = std::chrono::milliseconds(ms);
  };
  duration("cluster_heartbeat_ms", reply.cluster_heartbeat);
  duration("election_timeout_ms", reply.election_timeout);
  if (!reader.is_null("key")) reader.name("key", reply.key);
  reader.text("checks", reply.checks, Presence::optional);
  reader.text("warning", reply.warning, Presence::optional);
  reader.text("masters", reply.masters, Presence::optional);
  reader.number("masters_as_of", reply.masters_as_of, 0, std::numeric_limits<std::uint64_t>::max(),
                Presence::optional);
  if (!reader.is_null("cluster")) reader.name("cluster", reply.cluster);
  reader.boolean("takes_repeats", reply.takes_repeats, Presence::optional);
  const auto finished = reader.finish(UnknownMembers::ignore_scalars);
  if (!finished.ok()) return finished.error();
  return reply;
}

}  // namespace tandem::wire
