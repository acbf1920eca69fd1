// Members that said that an entry is on their disk, and later say that it is not.
#include "common/cluster/acknowledged.hpp"

#include <catch2/catch.hpp>

namespace tandem::cluster::acknowledged_test {
namespace {

const core::MemberId b{core::NodeId("b"), core::IncarnationId(7)};
const core::MemberId c{core::NodeId("c"), core::IncarnationId(8)};

Instant at(Duration time) { return Instant(time); }

core::Message accepts(std::uint64_t match, Instant sent, Term term = Term(3)) {
  core::AppendReply reply;
  reply.accepted = true;
  reply.match = LogIndex(match);
  reply.sent = sent;
  return {.cluster = core::ClusterId(1), .from = b, .to = {}, .term = term, .body = reply};
}

core::Message refuses(std::uint64_t rejected, Instant sent, Term term = Term(3)) {
  core::AppendReply reply;
  reply.rejected = LogIndex(rejected);
  reply.sent = sent;
  return {.cluster = core::ClusterId(1), .from = b, .to = {}, .term = term, .body = reply};
}

// A primary of term 3 that b has told of ten durable entries, by an answer that came at 5 s.
struct Told {
  Told() { CHECK(ask(accepts(10, at(4s)), at(5s)) == LogIndex(0)); }
  LogIndex ask(const core::Message& message, Instant now, LogIndex known = LogIndex(10)) {
    return acknowledged.denied_by(message, Term(3), known, now);
  }
  Acknowledged acknowledged;
};

}  // namespace

TEST_CASE("a member that lacks what it acknowledged before it was asked again denies it") {
  Told told;
  CHECK(told.ask(refuses(10, at(6s)), at(7s)) == LogIndex(10));
  CHECK(told.ask(refuses(4, at(6s)), at(7s)) == LogIndex(4));
}

TEST_CASE("a refusal that was overtaken by the acknowledgement denies nothing") {
  Told told;
  CHECK(told.ask(refuses(10, at(4s)), at(7s)) == LogIndex(0));
  CHECK(told.ask(refuses(10, at(5s)), at(7s)) == LogIndex(0));  // sent when the answer came
}

TEST_CASE("what was never acknowledged may be refused at any time") {
  Told told;
  CHECK(told.ask(refuses(11, at(6s)), at(7s)) == LogIndex(0));
  auto other = refuses(10, at(6s));
  other.from = c;
  CHECK(told.ask(other, at(7s)) == LogIndex(0));
  other.from = {b.node, core::IncarnationId(9)};  // it has lost its disk, and says so
  CHECK(told.ask(other, at(7s)) == LogIndex(0));
}

TEST_CASE("a word is of one term, and of one beginning") {
  Told later;
  CHECK(later.acknowledged.denied_by(refuses(10, at(6s), Term(4)), Term(4), LogIndex(0), at(7s)) ==
        LogIndex(0));
  Told stale;
  CHECK(stale.ask(refuses(10, at(6s), Term(2)), at(7s)) == LogIndex(0));
  Told anew;  // a pair: b had gone on by itself, and takes a snapshot in place of its log
  CHECK(anew.ask(refuses(10, at(6s)), at(7s), LogIndex(0)) == LogIndex(0));
  CHECK(anew.ask(refuses(10, at(8s)), at(9s)) == LogIndex(0));
}

}  // namespace tandem::cluster::acknowledged_test
