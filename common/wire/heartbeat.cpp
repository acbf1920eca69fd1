#include "common/wire/heartbeat.hpp"

#include <array>
#include <limits>
#include <utility>

#include <nlohmann/json.hpp>

#include "common/base/duration.hpp"
#include "common/base/limits.hpp"
#include "common/base/name.hpp"
#include "common/wire/json_reader.hpp"

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
  for (const auto& known : conditions) {
    if (word != known.name) continue;
    condition = known.condition;
    return;
  }
  reader.refuse("state", "must be up, failing, draining or bye");
}

}  // namespace

const char* to_string(WorkerCondition condition) {
  for (const auto& known : conditions) {
    if (known.condition == condition) return known.name;
  }
  assertion_failed("a known worker condition", __FILE__, __LINE__);
}

std::string to_json(const Heartbeat& heartbeat) {
  return dump({{"name", heartbeat.name},
               {"incarnation", heartbeat.incarnation},
               {"service", heartbeat.service},
               {"address", heartbeat.address.to_string()},
               {"weight", heartbeat.weight},
               {"connections", heartbeat.connections},
               {"in_flight", heartbeat.in_flight},
               {"state", to_string(heartbeat.condition)}});
}

std::string to_json(const HeartbeatReply& reply) {
  return dump({{"node", reply.node},
               {"role", reply.role},
               {"term", reply.term.value()},
               {"primary", reply.primary},
               {"interval_ms", to_ms(reply.interval)},
               {"registered", reply.registered}});
}

Result<Heartbeat> parse_heartbeat(std::string_view json) {
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
    reader.refuse("primary", "must be empty or the name of a node");
  }
  std::int64_t interval_ms = 0;
  reader.number("interval_ms", interval_ms,
                static_cast<std::uint64_t>(to_ms(limits::heartbeat_interval_min)),
                static_cast<std::uint64_t>(to_ms(limits::heartbeat_interval_max)));
  reply.interval = std::chrono::milliseconds(interval_ms);
  reader.boolean("registered", reply.registered);
  const auto finished = reader.finish(UnknownMembers::ignore_scalars);
  if (!finished.ok()) return finished.error();
  return reply;
}

}  // namespace tandem::wire
