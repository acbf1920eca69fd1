#include "tests/sim/state_machine.hpp"

#include <sstream>

#include <fmt/format.h>

#include "tests/sim/hash.hpp"

namespace tandem::sim {

void StateMachine::apply(const core::Entry& entry) {
  const auto* command = std::get_if<core::Command>(&entry.body);
  if (command == nullptr) return;
  auto& last = clients_[command->id.client];
  if (command->id.sequence <= last) return;  // sent twice
  last = command->id.sequence;
  digest_ = mix(digest_, command->id.client, command->id.sequence);
  std::istringstream text(command->bytes);
  std::string verb;
  std::uint32_t worker = 0;
  std::uint64_t incarnation = 0;
  text >> verb;
  if (verb == "found" && masters_.empty()) {
    for (std::uint32_t master = 0; text >> master;) masters_[master];
  }
  if (verb == "found" || !(text >> worker)) return;
  const bool has_more = static_cast<bool>(text >> incarnation);
  if (verb == "join") workers_[worker] = incarnation;
  if (verb == "leave") workers_.erase(worker);
  if (verb == "drain") drained_.insert(worker);
  if (verb == "undrain") drained_.erase(worker);
  if (verb == "admit") {
    masters_[worker] =
        has_more ? std::optional(static_cast<std::uint32_t>(incarnation)) : std::nullopt;
  }
  if (verb == "expel" && masters_.size() > 1) masters_.erase(worker);
}

std::string StateMachine::to_bytes() const {
  std::string text = fmt::format("{} {}", digest_, clients_.size());
  for (const auto& [client, last] : clients_) text += fmt::format(" {} {}", client, last);
  text += fmt::format(" {}", workers_.size());
  for (const auto& [worker, incarnation] : workers_)
    text += fmt::format(" {} {}", worker, incarnation);
  text += fmt::format(" {}", masters_.size());
  for (const auto& [master, replaces] : masters_) {
    text += fmt::format(" {} {}", master, replaces ? static_cast<std::int64_t>(*replaces) : -1);
  }
  text += fmt::format(" {}", drained_.size());
  for (const auto worker : drained_) text += fmt::format(" {}", worker);
  return text;
}

StateMachine StateMachine::from_bytes(const std::string& bytes) {
  StateMachine state;
  std::istringstream text(bytes);
  std::size_t count = 0;
  text >> state.digest_ >> count;
  for (; count > 0; --count) {
    std::uint64_t client = 0, last = 0;
    text >> client >> last;
    state.clients_[client] = last;
  }
  text >> count;
  for (; count > 0; --count) {
    std::uint32_t worker = 0;
    std::uint64_t incarnation = 0;
    text >> worker >> incarnation;
    state.workers_[worker] = incarnation;
  }
  text >> count;
  for (; count > 0; --count) {
    std::uint32_t master = 0;
    std::int64_t replaces = -1;
    text >> master >> replaces;
    auto& place = state.masters_[master];
    if (replaces >= 0) place = static_cast<std::uint32_t>(replaces);
  }
  text >> count;
  for (; count > 0; --count) {
    std::uint32_t worker = 0;
    text >> worker;
    state.drained_.insert(worker);
  }
  return state;
}

std::uint64_t StateMachine::last_of(std::uint64_t client) const {
  const auto found = clients_.find(client);
  return found == clients_.end() ? 0 : found->second;
}

std::string StateMachine::join(std::uint32_t worker, std::uint64_t incarnation) {
  return fmt::format("join {} {}", worker, incarnation);
}

std::string StateMachine::leave(std::uint32_t worker) { return fmt::format("leave {}", worker); }

std::string StateMachine::drain(std::uint32_t worker) { return fmt::format("drain {}", worker); }

std::string StateMachine::undrain(std::uint32_t worker) {
  return fmt::format("undrain {}", worker);
}

std::string StateMachine::found(const std::vector<std::uint32_t>& masters) {
  return fmt::format("found {}", fmt::join(masters, " "));
}

std::string StateMachine::admit(std::uint32_t master, std::optional<std::uint32_t> replaces) {
  return replaces ? fmt::format("admit {} {}", master, *replaces) : fmt::format("admit {}", master);
}

std::string StateMachine::expel(std::uint32_t master) { return fmt::format("expel {}", master); }

}  // namespace tandem::sim
