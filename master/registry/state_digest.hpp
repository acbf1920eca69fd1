// state_digest.hpp: a number that tells whether two masters have the same state.
//
// It is the sum, modulo 2^64, of one hash for each record of the state, so it does not depend on
// their order, and a change of one record costs two hashes, however many records there are.
// Different states with the same digest can be constructed: it guards against mistakes, not against
// malicious members.
//
// Owner: values and pure functions, any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "master/registry/change.hpp"

namespace tandem::master {

// The hash of one record: its kind, then its parts in a fixed order.
class RecordHash {
 public:
  explicit RecordHash(std::string_view kind) { text(kind); }

  RecordHash& text(std::string_view text);
  RecordHash& number(std::uint64_t number);
  std::uint64_t value() const;

 private:
  std::uint64_t value_ = 0xcbf29ce484222325u;  // FNV-1a
};

std::uint64_t hash_of(std::string_view name, const JoinedWorker& worker);
std::uint64_t hash_of(std::string_view name, const wire::WorkerSpec& added);
std::uint64_t hash_of(std::string_view name, unsigned weight);
std::uint64_t hash_of(std::string_view service, const wire::ServiceSettings& settings);
std::uint64_t hash_of(std::string_view name, const MasterRecord& master);
std::uint64_t hash_of(const wire::Route& route);
std::uint64_t hash_of(const RemoveWorker& removed);
std::uint64_t hash_of_drained(std::string_view name);

}  // namespace tandem::master
