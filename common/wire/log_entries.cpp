#include "common/wire/log_entries.hpp"

#include <array>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/core/limits.hpp"
#include "common/wire/cluster_envelope.hpp"
#include "common/wire/limits.hpp"

namespace tandem::wire {

using nlohmann::ordered_json;

namespace {

// A primary admits a new voter before it removes an old one.
constexpr std::size_t voters_at_once_max = limits::voters_max + 1;

const char* name_of(core::VoterKind kind) {
  return kind == core::VoterKind::master ? "master" : "witness";
}

// The longest entry on the disk: a command whose every byte is escaped as \u00XX, and the other
// members.
constexpr std::size_t entry_bytes_max = 6 * limits::command_bytes_max + 4'096;

void read_kind(MemberReader& reader, core::VoterKind& kind) {
  std::string word;
  reader.text("kind", word);
  if (word == "witness") {
    kind = core::VoterKind::witness;
  } else if (word == "master") {
    kind = core::VoterKind::master;
  } else {
    reader.refuse("kind", "must be master or witness");
  }
}

void read_voter(MemberReader& reader, core::Voter& voter) {
  read(reader, voter.id, 1);
  read_kind(reader, voter.kind);
  reader.number("since", voter.since, 0, id_max);
}

void read_command(MemberReader& reader, core::Command& command) {
  reader.number("client", command.id.client, 0, id_max);
  reader.number("sequence", command.id.sequence, 0, id_max);
  reader.text("bytes", command.bytes, limits::command_bytes_max);
}

template <class Value>
Result<Value> parse_whole(std::string_view text, std::size_t bytes_max) {
  const auto parsed = parse_object(text, bytes_max);
  if (!parsed.ok()) return parsed.error();
  Value value;
  MemberReader reader(*parsed);
  read(reader, value);
  const auto finished = reader.finish(UnknownMembers::refuse);
  if (!finished.ok()) return finished.error();
  return value;
}

}  // namespace

ordered_json document_of(const core::MemberId& member) {
  return {{"node", member.node.name()}, {"incarnation", member.incarnation.value()}};
}

ordered_json document_of(const core::Configuration& configuration) {
  auto voters = ordered_json::array();
  for (const auto& voter : configuration.voters) {
    voters.push_back({{"node", voter.id.node.name()},
                      {"incarnation", voter.id.incarnation.value()},
                      {"kind", name_of(voter.kind)},
                      {"since", voter.since.value()}});
  }
  ordered_json document{{"voters", std::move(voters)},
                        {"pair", configuration.pair},
                        {"was_protected", configuration.was_protected}};
  if (configuration.grants) document["grants"] = true;  // of feature level 6
  return document;
}

ordered_json document_of(const core::Entry& entry) {
  ordered_json document{{"index", entry.index.value()}, {"term", entry.term.value()}};
  if (const auto* command = std::get_if<core::Command>(&entry.body)) {
    document["command"] = {{"client", command->id.client},
                           {"sequence", command->id.sequence},
                           {"bytes", command->bytes}};
  } else if (const auto* configuration = std::get_if<core::Configuration>(&entry.body)) {
    document["configuration"] = document_of(*configuration);
  } else {
    document["no_op"] = ordered_json::object();
  }
  return document;
}

ordered_json document_of(const core::Snapshot& snapshot) {
  return {{"index", snapshot.index.value()},
          {"term", snapshot.term.value()},
          {"configuration", document_of(snapshot.configuration)},
          {"bytes", snapshot.bytes}};
}

void read(MemberReader& reader, core::MemberId& member, std::uint64_t incarnation_min) {
  std::string name;
  reader.name("node", name);
  if (!reader.failed()) member.node = core::NodeId(name);
  reader.number("incarnation", member.incarnation, incarnation_min, id_max);
}

void read(MemberReader& reader, core::Configuration& configuration) {
  auto& voters = configuration.voters;
  read_parts(reader, "voters", voters, voters_at_once_max, read_voter);
  for (std::size_t i = 1; i < voters.size(); ++i) {
    if (voters[i].id <= voters[i - 1].id) {
      reader.refuse("voters", "must be sorted, each one once");
    }
  }
  reader.boolean("pair", configuration.pair);
  reader.boolean("was_protected", configuration.was_protected);
  reader.boolean("grants", configuration.grants, Presence::optional);
}

void read(MemberReader& reader, core::Entry& entry) {
  reader.number("index", entry.index, 1, id_max);
  reader.number("term", entry.term, 1, id_max);
  constexpr std::array kinds{"command", "configuration", "no_op"};
  switch (reader.one_of(kinds).value_or(kinds.size())) {
    case 0: {
      auto& command = entry.body.emplace<core::Command>();
      read_part(reader, kinds[0], [&](MemberReader& part) { read_command(part, command); });
      break;
    }
    case 1: {
      auto& configuration = entry.body.emplace<core::Configuration>();
      read_part(reader, kinds[1], [&](MemberReader& part) { read(part, configuration); });
      break;
    }
    case 2: read_part(reader, kinds[2], [](MemberReader&) {}); break;
    default: break;
  }
}

void read(MemberReader& reader, core::Snapshot& snapshot) {
  reader.number("index", snapshot.index, 0, id_max);
  // A snapshot has an index above 0, except the one before the first entry.
  const bool of_an_entry = snapshot.index.value() > 0;
  reader.number("term", snapshot.term, of_an_entry ? 1 : 0, of_an_entry ? id_max : 0);
  read_part(reader, "configuration",
            [&](MemberReader& part) { read(part, snapshot.configuration); });
  reader.text("bytes", snapshot.bytes, limits::snapshot_bytes_max);
}

std::string to_json(const core::Entry& entry) { return dump_exactly(document_of(entry)); }

std::string to_json(const core::Configuration& configuration) {
  return dump_exactly(document_of(configuration));
}

Result<core::Entry> parse_entry(std::string_view json) {
  return parse_whole<core::Entry>(json, entry_bytes_max);
}

Result<core::Configuration> parse_configuration(std::string_view json) {
  return parse_whole<core::Configuration>(json, limits::control_body_bytes_max);
}

}  // namespace tandem::wire
