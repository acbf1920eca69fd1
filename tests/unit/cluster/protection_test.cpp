// Who may be lost now, and how that is said.
#include "common/cluster/protection.hpp"

#include <catch2/catch.hpp>

namespace tandem::cluster::protection_test {
namespace {

Instant at(Duration time) { return Instant(time); }

VoterView voter(const char* name, core::VoterKind kind = core::VoterKind::master) {
  VoterView view;
  view.name = name;
  view.kind = kind;
  return view;
}

// Masters a and b and the witness t1, as the primary a sees them.
struct Trio {
  Trio() {
    view.role = core::Role::primary;
    view.primary = core::NodeId("a");
    view.quorum = 2;
    view.voters_committed = true;
    view.voters = {voter("a"), voter("b"), voter("t1", core::VoterKind::witness)};
  }
  std::string text() {
    view.is_protected = is_protected_now(view);
    return protection(view, "a", at(10s));
  }
  ClusterView view;
};

}  // namespace

TEST_CASE("three voters that all answer are protected") {
  Trio trio;
  CHECK(trio.text() == "all voters answer");
  CHECK(trio.view.is_protected);
}

TEST_CASE("masters whose states differ are not protected") {
  Trio trio;
  trio.view.differing = {"b"};
  CHECK(trio.text() ==
        "a and b have applied the same log and have different states: standbys take over the "
        "primary's");
  CHECK(!trio.view.is_protected);
  trio.view.differing.clear();
  trio.text();
  CHECK(trio.view.is_protected);
}

TEST_CASE("three voters are not protected before the change that made them is committed") {
  Trio trio;
  trio.view.voters_committed = false;
  CHECK(trio.text() == "a change of the voters is not committed yet");
  CHECK(!trio.view.is_protected);
}

TEST_CASE("a new primary does not count voters before they have answered it") {
  Trio trio;
  trio.view.voters[2].unheard = true;
  CHECK(trio.text() == "t1 has not answered yet: the loss of a or b would end service");
  CHECK(!trio.view.is_protected);
}

TEST_CASE("a voter that is silent makes the others needed") {
  Trio trio;
  trio.view.voters[1].silent_since = at(4s);
  CHECK(trio.text() == "b has not been heard for 6.0 s: the loss of a or t1 would end service");
  CHECK(!trio.view.is_protected);
  trio.view.voters[2].silent_since = at(9s);
  CHECK(trio.text() ==
        "b has not been heard for 6.0 s and t1 has not been heard for 1.0 s: those that answer are "
        "not a majority");
}

TEST_CASE("five voters bear a silent one, but not the last master") {
  Trio five;
  five.view.quorum = 3;
  five.view.voters.push_back(voter("t2", core::VoterKind::witness));
  five.view.voters.push_back(voter("t3", core::VoterKind::witness));
  five.view.voters[2].silent_since = at(4s);
  CHECK(five.text() == "t1 has not been heard for 6.0 s: any other loss would be survived");
  CHECK(five.view.is_protected);
  five.view.voters[2].silent_since.reset();
  five.view.voters[1].silent_since = at(4s);
  CHECK(five.text() == "b has not been heard for 6.0 s: the loss of a would end service");
}

TEST_CASE("one master, and two without a witness, say what is missing") {
  Trio one;
  one.view.voters.resize(1);
  one.view.quorum = 1;
  CHECK(one.text() == "the loss of a would end service");
  Trio pair;
  pair.view.voters.resize(2);
  pair.view.pair = true;
  CHECK(pair.text().starts_with("two masters without a witness"));
  CHECK(!pair.view.is_protected);
}

TEST_CASE("a standby says where it has it from") {
  Trio trio;
  trio.view.role = core::Role::follower;
  CHECK(trio.text().ends_with("who answers only the primary a knows"));
}

TEST_CASE("a voter that cannot write is no protection, and is named with the reason") {
  Trio trio;
  trio.view.voters[1].disk_failure = "cluster.db: database or disk is full";
  CHECK(trio.text() ==
        "b cannot write its log (cluster.db: database or disk is full): the loss of a or t1 would "
        "end service");
  CHECK(!trio.view.is_protected);
  trio.view.voters[0].disk_failure = "cluster.db: disk I/O error";
  CHECK(trio.text() ==
        "a cannot write its log (cluster.db: disk I/O error) and b cannot write its log "
        "(cluster.db: database or disk is full): a serves, and no change can be made until a "
        "majority can write");
  CHECK(!trio.view.is_protected);
}

TEST_CASE("a lone master that cannot write says that it serves all the same") {
  Trio one;
  one.view.voters.resize(1);
  one.view.quorum = 1;
  one.view.voters[0].disk_failure = "full";
  CHECK(one.text() ==
        "a cannot write its log (full): a serves, and no change can be made until a majority can "
        "write");
}

TEST_CASE(
    "a voter that denies what it had acknowledged is counted as lost, and what to do is said") {
  Trio trio;
  trio.view.voters[1].denied = LogIndex(12);
  CHECK(trio.text() ==
        "b denies entry 12, which it had reported durable (an older copy of its directory: move it "
        "away): the loss of a or t1 would end service");
  CHECK(!trio.view.is_protected);
}

TEST_CASE("a standby that does not reach the witness cannot replace the primary") {
  Trio trio;
  trio.view.voters[1].unreached = {"t1"};
  CHECK(trio.text() == "b does not reach t1: the loss of a would end service");
  CHECK(!trio.view.is_protected);
  trio.view.voters[2].silent_since = at(9s);  // what does not answer is out of everybody's reach
  CHECK(trio.text() == "t1 has not been heard for 1.0 s: the loss of a or b would end service");
}

TEST_CASE("a standby that does not know of the newest voter yet cannot ask it for its vote") {
  Trio trio;
  trio.view.voters[1].knows_voters = false;
  CHECK(trio.text() == "b does not know the newest voters yet: the loss of a would end service");
  CHECK(!trio.view.is_protected);
}

TEST_CASE("one of two standbys that reaches a majority is enough") {
  Trio five;
  five.view.quorum = 3;
  five.view.voters.push_back(voter("c"));
  five.view.voters.push_back(voter("t2", core::VoterKind::witness));
  five.view.voters[1].unreached = {"t1", "t2", "a"};
  CHECK(five.text() == "b does not reach t1 or t2: any single loss would be survived");
  CHECK(five.view.is_protected);
  five.view.voters[3].unreached = {"t1"};
  CHECK(five.view.is_protected);  // c, b and t2 are three
  five.view.voters[3].unreached = {"t1", "b"};
  CHECK(five.text() ==
        "b does not reach t1 or t2 and c does not reach b or t1: the loss of a would end service");
  CHECK(!five.view.is_protected);
}

}  // namespace tandem::cluster::protection_test
