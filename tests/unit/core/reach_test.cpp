// Which voters a master that does not lead reaches.
#include <catch2/catch.hpp>

#include "common/core/node.hpp"

namespace tandem::core::reach_test {
namespace {

constexpr Instant start{1h};
const MemberId a{NodeId("a"), IncarnationId(1)};
const MemberId b{NodeId("b"), IncarnationId(2)};
const MemberId w1{NodeId("w1"), IncarnationId(3)};
const MemberId w2{NodeId("w2"), IncarnationId(4)};
const ClusterId cluster{9};
const Term term{4};

// The standby b, which follows a. The clock moves by rounds of the primary.
struct Standby {
  explicit Standby(std::vector<MemberId> witnesses = {w1}, Duration interval = 1s) {
    Options options;
    options.self = b;
    options.masters = {a.node, b.node};
    options.reach_interval = interval;
    configuration = Configuration{}
                        .with({a, VoterKind::master, LogIndex(1)})
                        .with({b, VoterKind::master, LogIndex(1)});
    for (const auto& witness : witnesses) {
      configuration = configuration.with({witness, VoterKind::witness, LogIndex(1)});
    }
    Stored stored;
    stored.hard_state = {cluster, term, MemberId{}};
    stored.entries.push_back({LogIndex(1), term, configuration});
    node.emplace(options, std::move(stored), 7, start);
  }

  void step(Input input) {
    node->step(now, std::move(input), outputs);
    if (outputs.write) last_write = outputs.write->number;
    for (const auto& sent : outputs.messages) {
      if (std::holds_alternative<VoteRequest>(sent.message.body)) {
        asked.push_back(sent.message.to.node);
      }
    }
  }
  // Rounds of the primary for that long, and the ticks that are due; w answers when told so.
  void pass(Duration time, std::vector<MemberId> answering) {
    for (const Instant end = now + time; now < end; now = now + 100ms) {
      hear_primary();
      if (node->deadline() <= now) tick(answering);
    }
  }
  void hear_primary() {
    Append round;
    round.previous_index = LogIndex(1);
    round.previous_term = term;
    round.commit = LogIndex(1);
    round.sent = now;
    step(from(a, round));
  }
  void tick(const std::vector<MemberId>& answering) {
    asked.clear();
    step(Tick{});
    for (const auto& voter : answering) {
      const bool was_asked = std::find(asked.begin(), asked.end(), voter.node) != asked.end();
      if (was_asked) step(from(voter, VoteReply{}));
    }
  }
  static Message from(const MemberId& sender, MessageBody body, Term of = term) {
    return {cluster, sender, b, of, std::move(body)};
  }
  using Nodes = std::vector<NodeId>;
  Nodes unreached() const { return node->unreached(); }

  Configuration configuration;
  std::optional<Node> node;
  Outputs outputs;
  Instant now = start;
  WriteNumber last_write;
  Nodes asked;
};

using Nodes = std::vector<NodeId>;

}  // namespace

TEST_CASE("a standby asks the voters at once, and reaches those that answer") {
  Standby standby({w1, w2});
  standby.hear_primary();
  CHECK(standby.unreached() == Nodes{w1.node, w2.node});  // nothing is known yet
  REQUIRE(standby.node->deadline() <= standby.now);
  standby.tick({w1});
  CHECK(standby.asked == Nodes{w1.node, w2.node});  // and not the primary, which is heard
  CHECK(standby.unreached() == Nodes{w2.node});
  CHECK(standby.node->role() == Role::follower);
}

TEST_CASE("a voter is no longer reached after three questions in a row without an answer") {
  Standby standby;
  standby.pass(5s, {w1});
  REQUIRE(standby.unreached().empty());
  standby.pass(2900ms, {});
  CHECK(standby.unreached().empty());  // a short loss is nothing
  standby.pass(1s, {});
  CHECK(standby.unreached() == Nodes{w1.node});
  standby.pass(1s, {w1});
  CHECK(standby.unreached().empty());
}

TEST_CASE("a standby that was stopped does not blame the voters for it") {
  Standby standby;
  standby.pass(2s, {w1});
  standby.now = standby.now + 1h;
  standby.hear_primary();
  standby.tick({});
  CHECK(standby.unreached().empty());
}

TEST_CASE("what a voter answers to such a question deposes nobody, whatever its term") {
  Standby standby;
  standby.hear_primary();
  standby.tick({});
  standby.step(Standby::from(w1, VoteReply{}, Term(40)));
  CHECK(standby.unreached().empty());
  CHECK(standby.node->term() == term);
  CHECK(standby.node->primary() == a);
}

TEST_CASE("the answer of an earlier incarnation of a voter does not count") {
  Standby standby;
  standby.hear_primary();
  standby.tick({});
  standby.step(Standby::from({w1.node, IncarnationId(77)}, VoteReply{}));
  CHECK(standby.unreached() == Nodes{w1.node});
}

TEST_CASE("a new voter is asked as soon as the standby knows of it") {
  Standby standby;
  standby.pass(2s, {w1});
  Append round;
  round.previous_index = LogIndex(1);
  round.previous_term = term;
  round.entries.push_back(
      {LogIndex(2), term, standby.configuration.with({w2, VoterKind::witness, LogIndex(2)})});
  round.sent = standby.now;
  standby.step(Standby::from(a, round));
  CHECK(standby.unreached() == Nodes{w2.node});
  REQUIRE(standby.node->deadline() <= standby.now);
  standby.step(Durable{standby.last_write});
  standby.tick({w1, w2});
  CHECK(standby.unreached().empty());
}

TEST_CASE("a primary that hands over reaches whoever has just answered it") {
  Standby standby({w1, w2});
  standby.hear_primary();
  standby.step(Standby::from(a, TimeoutNow{}));
  standby.step(Durable{standby.last_write});
  standby.step(
      Standby::from(w1, VoteReply{Ballot::vote, standby.node->term(), true}, standby.node->term()));
  standby.step(
      Standby::from(w2, VoteReply{Ballot::vote, standby.node->term(), true}, standby.node->term()));
  REQUIRE(standby.node->role() == Role::primary);
  CHECK(standby.unreached().empty());
  const Term leads = standby.node->term();
  AppendReply reply;
  reply.accepted = true;
  reply.match = LogIndex(1);
  reply.sent = standby.now;
  standby.step(Standby::from(w1, reply, leads));
  standby.step(Standby::from(a, Append{}, leads.next()));
  REQUIRE(standby.node->primary() == a);
  CHECK(standby.unreached() == Nodes{w2.node});
}

TEST_CASE("a standby that is told not to ask says nothing") {
  Standby standby({w1}, 0s);
  standby.hear_primary();
  standby.tick({});
  CHECK(standby.asked.empty());
  CHECK(standby.unreached().empty());
}

}  // namespace tandem::core::reach_test
