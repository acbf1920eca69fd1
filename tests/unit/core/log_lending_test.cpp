// A candidate that copies from a witness's log, message by message. The transcripts in tests/script
// tell the usual course; here excerpts are shorter than what the two logs have in common.
#include <deque>

#include <catch2/catch.hpp>

#include "common/core/node.hpp"

namespace tandem::core::log_lending_test {
namespace {

const MemberId candidate{NodeId("b"), IncarnationId(2)};
const MemberId witness{NodeId("w"), IncarnationId(3)};

Configuration voters() {
  return Configuration{}
      .with({{NodeId("a"), IncarnationId(1)}, VoterKind::master, LogIndex(1)})
      .with({candidate, VoterKind::master, LogIndex(1)})
      .with({witness, VoterKind::witness, LogIndex(1)});
}

// A log that begins with the configuration in term 1; then `terms` says the term of each entry.
Stored stored(const std::vector<std::uint64_t>& terms) {
  Stored disk;
  disk.hard_state = {ClusterId(9), Term(terms.back()), MemberId{}};
  disk.entries.push_back({LogIndex(1), Term(1), voters()});
  for (const auto term : terms) {
    disk.entries.push_back({disk.entries.back().index.next(), Term(term), NoOp{}});
  }
  return disk;
}

std::vector<std::uint64_t> terms_of(
    std::initializer_list<std::pair<std::uint64_t, std::size_t>> runs) {
  std::vector<std::uint64_t> terms;
  for (const auto& [term, count] : runs) terms.insert(terms.end(), count, term);
  return terms;
}

// The candidate and the witness, with disks that are instant; the other master is gone.
class Two {
 public:
  Two(const std::vector<std::uint64_t>& own, const std::vector<std::uint64_t>& lent)
      : b_(options(candidate, VoterKind::master), stored(own), 1, now_),
        w_(options(witness, VoterKind::witness), stored(lent), 2, now_) {}

  // Lets time pass until the candidate leads or so many messages have gone to and fro.
  std::size_t messages_until_primary(std::size_t messages_max) {
    std::size_t count = 0;
    while (b_.role() != Role::primary && count < messages_max) {
      if (under_way_.empty()) {
        now_ = std::max(now_ + 10ms, b_.deadline());
        step(b_, Tick{});
        continue;
      }
      auto message = std::move(under_way_.front());
      under_way_.pop_front();
      ++count;
      if (message.to == candidate)
        step(b_, std::move(message));
      else if (message.to == witness)
        step(w_, std::move(message));
    }
    return count;
  }

  const Node& b() const { return b_; }

 private:
  static Options options(const MemberId& self, VoterKind kind) {
    Options options;
    options.self = self;
    options.kind = kind;
    if (kind == VoterKind::master) options.masters = {NodeId("a"), NodeId("b")};
    options.append_entries_max = 4;
    return options;
  }

  void step(Node& node, Input input) {
    Outputs outputs;
    node.step(now_, std::move(input), outputs);
    for (auto& outbound : outputs.messages) under_way_.push_back(std::move(outbound.message));
    if (outputs.write) step(node, Durable{outputs.write->number});
  }

  Instant now_{1h};
  Node b_;
  Node w_;
  std::deque<Message> under_way_;
};

}  // namespace

TEST_CASE(
    "a lent log that repeats the candidate's own for longer than an excerpt is copied all the "
    "same") {
  // Alike up to the 60th entry of term 2; then the candidate's goes on in term 3, which was never
  // committed, and the witness's in term 2 and 4.
  Two two(terms_of({{2, 60}, {3, 20}}), terms_of({{2, 100}, {4, 1}}));
  CHECK(two.messages_until_primary(1'000) < 1'000);
  REQUIRE(two.b().role() == Role::primary);
  CHECK(two.b().log().term_at(LogIndex(80)) == Term(2));
  CHECK(two.b().log().term_at(LogIndex(102)) == Term(4));
}

}  // namespace tandem::core::log_lending_test
