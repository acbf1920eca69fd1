// What voters send each other, and what they find on their disks.
#include <algorithm>

#include "common/core/limits.hpp"
#include "common/wire/cluster_envelope.hpp"
#include "fixpoint.hpp"
#include "input.hpp"

using namespace tandem;

namespace {

// What the core takes for granted of every message.
void must_be_wholesome(const core::Configuration& configuration) {
  const auto& voters = configuration.voters;
  TANDEM_ASSERT(voters.size() <= limits::voters_max + 1);
  for (const auto& voter : voters) {
    TANDEM_ASSERT(!voter.id.empty() && voter.id.incarnation.value() != 0);
  }
  const auto out_of_order = [](const auto& a, const auto& b) { return a.id >= b.id; };
  TANDEM_ASSERT(std::adjacent_find(voters.begin(), voters.end(), out_of_order) == voters.end());
}

void must_be_wholesome(const std::vector<core::Entry>& entries) {
  TANDEM_ASSERT(entries.size() <= limits::append_entries_max);
  for (const auto& entry : entries) {
    TANDEM_ASSERT(entry.index.value() != 0 && entry.term.value() != 0);
    if (const auto* command = std::get_if<core::Command>(&entry.body)) {
      TANDEM_ASSERT(command->bytes.size() <= limits::command_bytes_max);
    } else if (const auto* configuration = std::get_if<core::Configuration>(&entry.body)) {
      must_be_wholesome(*configuration);
    }
  }
}

void must_be_wholesome(const core::Snapshot& snapshot) {
  TANDEM_ASSERT((snapshot.index.value() == 0) == (snapshot.term.value() == 0));
  must_be_wholesome(snapshot.configuration);
}

void must_be_wholesome(const core::Message& message) {
  TANDEM_ASSERT(!message.from.empty() && !message.to.empty());
  TANDEM_ASSERT(message.from.incarnation.value() != 0);
  const bool hello = std::holds_alternative<core::Hello>(message.body);
  TANDEM_ASSERT(hello || (message.term.value() != 0 && message.cluster.value() != 0));
  if (const auto* append = std::get_if<core::Append>(&message.body)) {
    TANDEM_ASSERT(append->sent >= Instant{});
    must_be_wholesome(append->entries);
  } else if (const auto* install = std::get_if<core::InstallSnapshot>(&message.body)) {
    TANDEM_ASSERT(install->snapshot != nullptr);
    must_be_wholesome(*install->snapshot);
  } else if (const auto* excerpt = std::get_if<core::LogExcerpt>(&message.body)) {
    must_be_wholesome(excerpt->entries);
    if (excerpt->snapshot != nullptr) must_be_wholesome(*excerpt->snapshot);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  fuzz::must_be_a_fixpoint(text, wire::parse_cluster_envelope);
  const auto write = [](const auto& value) { return wire::to_json(value); };
  fuzz::must_be_a_fixpoint(text, wire::parse_entry, write);
  fuzz::must_be_a_fixpoint(text, wire::parse_configuration, write);
  if (const auto envelope = wire::parse_cluster_envelope(text); envelope.ok()) {
    for (const auto& message : envelope->messages) must_be_wholesome(message);
  }
  return 0;
}
