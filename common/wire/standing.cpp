#include "common/wire/standing.hpp"

#include <limits>

#include <nlohmann/json.hpp>

#include "common/base/duration.hpp"
#include "common/core/limits.hpp"
#include "common/wire/json_reader.hpp"
#include "common/wire/log_entries.hpp"

namespace tandem::wire {

namespace {

constexpr std::uint64_t any_index = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t silent_ms_max = 10ull * 365 * 24 * 60 * 60 * 1000;

void read(MemberReader& reader, VoterStanding& voter) {
  reader.name("name", voter.name);
  reader.number("match", voter.match, 0, any_index);
  if (reader.is_null("silent_ms")) return;
  std::int64_t silent_ms = 0;
  reader.number("silent_ms", silent_ms, 0, silent_ms_max);
  voter.silent = std::chrono::milliseconds(silent_ms);
}

}  // namespace

nlohmann::ordered_json document_of(const Standing& standing) {
  auto voters = nlohmann::ordered_json::array();
  for (const auto& voter : standing.voters) {
    voters.push_back({{"name", voter.name}, {"match", voter.match.value()}});
    if (voter.silent) voters.back()["silent_ms"] = to_ms(*voter.silent);
  }
  return {{"commit", standing.commit.value()},
          {"protected", standing.is_protected},
          {"protection", standing.protection.substr(0, protection_bytes_max)},
          {"voters", std::move(voters)}};
}

void read(MemberReader& reader, Standing& standing) {
  reader.number("commit", standing.commit, 0, any_index);
  reader.boolean("protected", standing.is_protected);
  reader.text("protection", standing.protection, protection_bytes_max);
  read_parts(reader, "voters", standing.voters, limits::voters_max + 1,
             [](MemberReader& part, VoterStanding& voter) { read(part, voter); });
}

}  // namespace tandem::wire
