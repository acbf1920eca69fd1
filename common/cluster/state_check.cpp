#include "common/cluster/state_check.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/core/limits.hpp"
#include "common/wire/json_reader.hpp"

namespace tandem::cluster {

namespace {

Result<> check(const std::vector<core::Entry>& entries, const StateCheck& state) {
  if (!state.command) return {};
  for (const auto& entry : entries) {
    const auto* command = std::get_if<core::Command>(&entry.body);
    if (command == nullptr) continue;
    const auto taken = state.command(command->bytes);
    if (taken) continue;
    return fail(taken.error().code, fmt::format("entry {} of term {} cannot be applied: {}",
                                                entry.index, entry.term, taken.error().message));
  }
  return {};
}

// A snapshot without bytes is the state before the first entry.
Result<> check(const core::SnapshotPointer& snapshot, const StateCheck& state) {
  if (!state.snapshot || snapshot == nullptr || snapshot->bytes.empty()) return {};
  const auto taken = state.snapshot(snapshot->bytes);
  if (taken) return {};
  return fail(taken.error().code, fmt::format("the snapshot of the state after entry {} cannot be "
                                              "used: {}",
                                              snapshot->index, taken.error().message));
}

Result<> check_document(std::string_view text, std::size_t bytes_max) {
  const auto document = wire::parse_object(text, bytes_max);
  if (!document) return document.error();
  return {};
}

}  // namespace

StateCheck documents_alone() {
  return {
      .command =
          [](std::string_view bytes) { return check_document(bytes, limits::command_bytes_max); },
      .snapshot =
          [](std::string_view bytes) { return check_document(bytes, limits::snapshot_bytes_max); }};
}

Result<> check(const core::Message& message, const StateCheck& state) {
  if (const auto* append = std::get_if<core::Append>(&message.body)) {
    return check(append->entries, state);
  }
  if (const auto* install = std::get_if<core::InstallSnapshot>(&message.body)) {
    return check(install->snapshot, state);
  }
  if (const auto* excerpt = std::get_if<core::LogExcerpt>(&message.body)) {
    if (auto entries = check(excerpt->entries, state); !entries) return entries;
    return check(excerpt->snapshot, state);
  }
  return {};
}

Result<> check(const core::Stored& stored, const StateCheck& state) {
  if (auto snapshot = check(stored.snapshot, state); !snapshot) return snapshot;
  return check(stored.entries, state);
}

}  // namespace tandem::cluster
