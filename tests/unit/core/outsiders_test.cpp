// Members that do not vote: what they say moves no primary.
#include <catch2/catch.hpp>

#include "common/core/node.hpp"

namespace tandem::core::outsiders_test {
namespace {

constexpr Instant start{1h};
const MemberId a{NodeId("a"), IncarnationId(1)};
const MemberId b{NodeId("b"), IncarnationId(2)};
const MemberId removed{NodeId("c"), IncarnationId(3)};
const ClusterId cluster{9};

// The one voter of its cluster, or the first of two, long since a member of it.
Node voter(bool sole) {
  Options options;
  options.self = a;
  options.masters = {a.node, b.node};
  auto configuration = Configuration{}.with({a, VoterKind::master, LogIndex(1)});
  if (!sole) configuration = configuration.with({b, VoterKind::master, LogIndex(1)});
  Stored stored;
  stored.hard_state = {cluster, Term(4), MemberId{}};
  stored.entries.push_back({LogIndex(1), Term(4), configuration});
  return Node(options, std::move(stored), 7, start);
}

Message from(const MemberId& sender, Term term, MessageBody body) {
  return {cluster, sender, a, term, std::move(body)};
}

void let_lead(Node& node, Outputs& outputs) {
  node.step(start, Tick{}, outputs);
  while (outputs.write) node.step(start, Durable{outputs.write->number}, outputs);
  REQUIRE(node.role() == Role::primary);
}

}  // namespace

TEST_CASE("a removed master with a higher term unseats no primary that holds its lease") {
  Node node = voter(true);
  Outputs outputs;
  let_lead(node, outputs);
  const Term term = node.term();
  const VoteRequest request{
      .ballot = Ballot::vote, .for_term = Term(9), .last_index = LogIndex(50), .handover = true};
  node.step(start + 10ms, from(removed, Term(9), request), outputs);
  node.step(start + 20ms, from(removed, Term(9), AppendReply{}), outputs);
  CHECK(node.role() == Role::primary);
  CHECK(node.term() == term);
}

TEST_CASE("a voter that hears its primary keeps to its term, whatever a removed master says") {
  Node node = voter(false);
  Outputs outputs;
  node.step(start, from(b, Term(5), Append{.sent = start}), outputs);
  REQUIRE(node.primary() == b);
  node.step(start + 10ms, from(removed, Term(9), Append{.sent = start}), outputs);
  CHECK(node.term() == Term(5));
  CHECK(node.primary() == b);
  // Nobody is followed for ever: it is over with the promise.
  node.step(start + 2s, from(removed, Term(9), Append{.sent = start}), outputs);
  CHECK(node.term() == Term(9));
}

TEST_CASE("the next election is for a term above those of members that do not vote") {
  Node node = voter(false);
  Outputs outputs;
  node.step(start, from(b, Term(5), Append{.sent = start}), outputs);
  node.step(start + 10ms, from(removed, Term(9), AppendReply{}), outputs);
  node.step(start + 20ms, from(b, Term(5), TimeoutNow{}), outputs);
  CHECK(node.role() == Role::candidate);
  CHECK(node.term() == Term(10));
}

}  // namespace tandem::core::outsiders_test
