// state_machine.hpp: the smallest state machine that can reveal a lost or repeated change: each
// client's count of applied changes, the registered workers, and the masters of the cluster.
//
// A change that a client sent twice is applied once: it carries the client's number and its own,
// and the state remembers the last one of each client (this is how the shell's state machine must
// do it, too).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/core/entry.hpp"

namespace tandem::sim {

class StateMachine {
 public:
  // Applies a committed entry; configurations and no-ops change nothing.
  void apply(const core::Entry& entry);

  std::string to_bytes() const;
  static StateMachine from_bytes(const std::string& bytes);

  // The client's last applied change.
  std::uint64_t last_of(std::uint64_t client) const;
  // Registered workers with their incarnations; 0 = without a state directory.
  const std::map<std::uint32_t, std::uint64_t>& workers() const { return workers_; }
  // The masters, each with the one that leaves once it votes; empty: the state does not list them.
  const std::map<std::uint32_t, std::optional<std::uint32_t>>& masters() const { return masters_; }
  // Workers that get no new requests.
  const std::set<std::uint32_t>& drained() const { return drained_; }
  std::uint64_t digest() const { return digest_; }

  static std::string join(std::uint32_t worker, std::uint64_t incarnation);
  static std::string leave(std::uint32_t worker);
  static std::string drain(std::uint32_t worker);
  static std::string undrain(std::uint32_t worker);
  // The founding masters; changes nothing when the state lists the masters already.
  static std::string found(const std::vector<std::uint32_t>& masters);
  static std::string admit(std::uint32_t master, std::optional<std::uint32_t> replaces);
  static std::string expel(std::uint32_t master);

 private:
  std::map<std::uint64_t, std::uint64_t> clients_;
  std::map<std::uint32_t, std::uint64_t> workers_;
  std::map<std::uint32_t, std::optional<std::uint32_t>> masters_;
  std::set<std::uint32_t> drained_;
  std::uint64_t digest_ = 0;
};

}  // namespace tandem::sim
