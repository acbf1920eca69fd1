// What the log tells when a member's view of its cluster has changed.
#include "common/cluster/view_log.hpp"

#include <catch2/catch.hpp>

namespace tandem::cluster::view_log_test {
namespace {

constexpr Instant time_now(Duration(10s));

// Masters a and b and the witness t1, as the primary a sees them.
ClusterView trio() {
  ClusterView view;
  view.role = core::Role::primary;
  view.primary = core::NodeId("a");
  view.quorum = 2;
  view.last = LogIndex(5'000);
  for (const auto* name : {"a", "b", "t1"}) {
    VoterView voter;
    voter.name = name;
    voter.match = view.last;
    if (voter.name == "t1") voter.kind = core::VoterKind::witness;
    view.voters.push_back(voter);
  }
  view.is_protected = true;
  return view;
}

std::string told(const ClusterView& before, const ClusterView& after) {
  std::string text;
  for (const auto& line : changes_between(before, after, "a", time_now)) {
    text += line.text + "\n";
  }
  return text;
}

std::string waits_for(core::Awaited what, std::vector<core::NodeId> nodes) {
  return reason_of({what, std::move(nodes)}, [](const core::NodeId& node) {
    return node == core::NodeId("b") ? std::string("Connection refused") : std::string();
  });
}

}  // namespace

TEST_CASE("nothing is told of a view that has not changed") { CHECK(told(trio(), trio()).empty()); }

TEST_CASE("who votes is told when it changes") {
  auto without = trio();
  without.voters.pop_back();
  CHECK(told(without, trio()) == "voters changed voters=\"a b t1(witness)\" quorum=2\n");
}

TEST_CASE("a voter that falls silent is told with what that means, and when it answers again") {
  auto silent = trio();
  silent.voters[1].silent_since = time_now - 600ms;
  silent.is_protected = false;
  CHECK(told(trio(), silent) ==
        "voter silent node=b\n"
        "not protected reason=\"b has not been heard for 0.6 s: the loss of a or t1 would end "
        "service\"\n");
  CHECK(told(silent, trio()) == "voter answers again node=b\nprotected\n");
}

TEST_CASE("a voter that falls behind, and one that has caught up, are told") {
  auto behind = trio();
  behind.voters[1].match = LogIndex(3'000);
  behind.voters[1].behind = true;
  CHECK(told(trio(), behind) == "voter behind node=b entries=2000\n");
  CHECK(told(behind, trio()) == "voter has caught up node=b\n");
}

TEST_CASE("a new primary reports what it finds, and nothing that was reported to it before") {
  auto standby = trio();
  standby.role = core::Role::follower;
  standby.voters[1].silent_since = time_now - 600ms;
  CHECK(told(standby, trio()) == "protected\n");
}

TEST_CASE("a reason to wait is told once") {
  ClusterView leaderless;
  auto waiting = leaderless;
  waiting.waiting = "waiting for the votes of b";
  CHECK(told(leaderless, waiting) == "no primary reason=\"waiting for the votes of b\"\n");
  CHECK(told(waiting, waiting).empty());
  CHECK(told(waiting, leaderless).empty());
}

TEST_CASE("what is waited for is named, with why it does not come") {
  CHECK(
      waits_for(core::Awaited::masters, {core::NodeId("b"), core::NodeId("c")}) ==
      "waiting for b (Connection refused), c (reached, but not as a new master that counts this "
      "one "
      "among its --peer: if it belongs to a cluster, start this one with --join): the first start "
      "needs all masters");
  CHECK(waits_for(core::Awaited::votes, {core::NodeId("t1")}) == "waiting for the votes of t1");
  CHECK(waits_for(core::Awaited::founder, {core::NodeId("a")}) ==
        "waiting for a to found the cluster");
  CHECK(waits_for(core::Awaited::nothing, {}).empty());
  const auto lost = reason_of({core::Awaited::log, {}, Term(7)},
                              [](const core::NodeId&) { return std::string(); });
  CHECK(lost.starts_with("workers remember term 7, and no master has the log of that cluster:"));
}

TEST_CASE("a voter that cannot write, and one that can again, are told") {
  auto full = trio();
  full.voters[2].disk_failure = "database or disk is full";
  CHECK(told(trio(), full) ==
        "voter cannot write its log node=t1 reason=\"database or disk is full\"\n");
  CHECK(told(full, trio()) == "voter writes its log again node=t1\n");
}

}  // namespace tandem::cluster::view_log_test
