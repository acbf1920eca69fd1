// random_messages.hpp: messages of every kind, drawn from a seed: whatever the wire must carry,
// also what no core would say.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "common/core/messages.hpp"

namespace tandem::test {

class RandomMessages {
 public:
  explicit RandomMessages(std::uint64_t seed) : random_(seed) {}

  core::Message next();
  // Of the kind with this number in core::MessageBody.
  core::Message of_kind(std::size_t kind);

  core::Entry entry();
  core::Configuration configuration();
  std::uint64_t below(std::uint64_t end) { return random_() % end; }
  bool coin() { return below(2) == 0; }

 private:
  std::uint64_t id(std::uint64_t min = 0);
  Instant instant();
  std::string text();
  core::MemberId member();
  std::vector<core::Entry> entries();
  core::SnapshotPointer snapshot();
  std::optional<core::GrantRequest> request();
  core::MessageBody body(std::size_t kind);

  std::mt19937_64 random_;
};

// Every field equal.
bool same(const core::Message& a, const core::Message& b);

}  // namespace tandem::test
