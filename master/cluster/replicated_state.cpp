#include "master/cluster/replicated_state.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "master/cluster/limits.hpp"
#include "master/registry/state_digest.hpp"

namespace tandem::master {

namespace {

std::uint64_t hash_of(std::uint64_t life, const CommandClient& client) {
  return RecordHash("client").number(life).number(client.last).number(client.at.value()).value();
}

}  // namespace

Result<std::optional<Outcome>> ReplicatedState::apply(const core::Entry& entry, Instant now) {
  std::optional<Outcome> outcome;
  if (entry.index <= applied_) return outcome;
  if (const auto* command = std::get_if<core::Command>(&entry.body)) {
    const auto authored = parse_authored_change(command->bytes);
    if (!authored) {
      return fail(authored.error().code, fmt::format("entry {} cannot be applied: {}", entry.index,
                                                     authored.error().message));
    }
    if (is_new(*command, entry.index)) {
      const auto made =
          watch_ ? watch_(entry, *authored, registry_.state()) : std::function<void()>();
      outcome = registry_.apply(authored->change, now);
      if (made && outcome->ok()) made();
    }
  }
  applied_ = entry.index;
  term_ = entry.term;
  return outcome;
}

bool ReplicatedState::is_new(const core::Command& command, LogIndex index) {
  auto& client = clients_[command.id.client];
  if (command.id.sequence <= client.last) return false;
  if (client.last > 0) clients_digest_ -= hash_of(command.id.client, client);
  client = {command.id.sequence, index};
  clients_digest_ += hash_of(command.id.client, client);
  if (clients_.size() > limits::command_clients_max) {
    const auto oldest =
        std::min_element(clients_.begin(), clients_.end(),
                         [](const auto& a, const auto& b) { return a.second.at < b.second.at; });
    clients_digest_ -= hash_of(oldest->first, oldest->second);
    clients_.erase(oldest);
  }
  return true;
}

void ReplicatedState::set_clients(CommandClients clients) {
  clients_ = std::move(clients);
  clients_digest_ = 0;
  for (const auto& [life, client] : clients_) clients_digest_ += hash_of(life, client);
}

std::string ReplicatedState::to_bytes() const { return to_json(clients_, registry_.state()); }

Result<> ReplicatedState::restore(const core::Snapshot& snapshot, Instant now) {
  if (snapshot.bytes.empty()) {  // the state before the first entry
    set_clients({});
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
  set_clients(std::move(state->clients));
  applied_ = snapshot.index;
  term_ = snapshot.term;
  registry_.restore(std::move(state->state), now);
  return {};
}

}  // namespace tandem::master
