#include "master/cluster/replicated_state.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "common/base/limits.hpp"

namespace tandem::master {

Result<> ReplicatedState::apply(const core::Entry& entry, Instant now) {
  if (entry.index <= applied_) return {};
  if (const auto* command = std::get_if<core::Command>(&entry.body)) {
    const auto change = parse_change(command->bytes);
    if (!change) {
      return fail(change.error().code, fmt::format("entry {} cannot be applied: {}", entry.index,
                                                   change.error().message));
    }
    if (is_new(*command, entry.index)) registry_.apply(*change, now);
  }
  applied_ = entry.index;
  term_ = entry.term;
  return {};
}

bool ReplicatedState::is_new(const core::Command& command, LogIndex index) {
  auto& client = clients_[command.id.client];
  if (command.id.sequence <= client.last) return false;
  client = {command.id.sequence, index};
  if (clients_.size() > limits::command_clients_max) {
    clients_.erase(
        std::min_element(clients_.begin(), clients_.end(),
                         [](const auto& a, const auto& b) { return a.second.at < b.second.at; }));
  }
  return true;
}

std::string ReplicatedState::to_bytes() const { return to_json(clients_, registry_.state()); }

Result<> ReplicatedState::restore(const core::Snapshot& snapshot, Instant now) {
  if (snapshot.bytes.empty()) {  // the state before the first entry
    clients_.clear();
    applied_ = snapshot.index;
    term_ = snapshot.term;
    registry_.restore({}, now);
    return {};
  }
  auto state = parse_state_document(snapshot.bytes);
  if (!state) {
    return fail(state.error().code, fmt::format("the snapshot of the state after entry {} cannot "
                                                "be used: {}",
                                                snapshot.index, state.error().message));
  }
  clients_ = std::move(state->clients);
  applied_ = snapshot.index;
  term_ = snapshot.term;
  registry_.restore(std::move(state->state), now);
  return {};
}

}  // namespace tandem::master
