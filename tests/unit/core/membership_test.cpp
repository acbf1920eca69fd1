#include "common/core/membership.hpp"

#include <catch2/catch.hpp>

namespace tandem::core::membership_test {
namespace {

MemberId member(const char* name, std::uint64_t incarnation = 1) {
  return {NodeId(name), IncarnationId(incarnation)};
}

Configuration of(std::initializer_list<const char*> names) {  // w, x, y, z are witnesses
  Configuration configuration;
  std::uint64_t since = 0;
  for (const auto* name : names) {
    const auto kind = name[0] >= 'w' ? VoterKind::witness : VoterKind::master;
    configuration = configuration.with({member(name), kind, LogIndex(++since)});
  }
  return configuration;
}

Registered registered(std::initializer_list<const char*> names) {
  Registered all;
  for (const auto* name : names)
    all.candidates.push_back({member(name), std::string("host-") + name, true});
  return all;
}

const std::map<NodeId, MemberId> nobody;

std::set<MemberId> all_of(const Configuration& configuration) {
  std::set<MemberId> living;
  for (const auto& voter : configuration.voters) living.insert(voter.id);
  return living;
}

std::optional<VoterChange> change(const Configuration& configuration, const Registered& workers,
                                  const MemberId& tried = {}) {
  const auto living = all_of(configuration);
  return next_change(
      {.configuration = configuration, .masters = nobody, .living = living, .registered = &workers},
      tried);
}

}  // namespace

TEST_CASE("witnesses make the number of voters odd, three at most, none beside one master") {
  const auto wanted = [](std::size_t masters, std::size_t available) {
    return wanted_witnesses(masters, available);
  };
  CHECK(wanted(1, 5) == 0);
  CHECK(wanted(2, 0) == 0);
  CHECK(wanted(2, 1) == 1);
  CHECK(wanted(2, 2) == 1);
  CHECK(wanted(2, 3) == 3);
  CHECK(wanted(2, 100) == 3);
  CHECK(wanted(3, 1) == 0);
  CHECK(wanted(3, 2) == 2);
  CHECK(wanted(4, 3) == 3);
  CHECK(wanted(5, 3) == 2);
}

TEST_CASE("registered is not voter: one worker of two becomes a witness") {
  CHECK(change(of({"a", "b"}), registered({"w", "x"})) ==
        VoterChange(AddVoter{member("w"), VoterKind::witness}));
  CHECK(change(of({"a", "b", "w"}), registered({"w", "x"})) == std::nullopt);
}

TEST_CASE("liveness never edits the voter set") {
  auto workers = registered({"w", "x"});
  workers.candidates[0].live = false;
  CHECK(change(of({"a", "b", "w"}), workers) == std::nullopt);
}

TEST_CASE("only a live worker is added") {
  auto workers = registered({"w", "x"});
  workers.candidates[0].live = false;
  CHECK(change(of({"a", "b"}), workers) == VoterChange(AddVoter{member("x"), VoterKind::witness}));
}

TEST_CASE(
    "a forgotten witness is replaced, add before remove, and stays when nobody can replace it") {
  CHECK(change(of({"a", "b", "w"}), registered({"x"})) ==
        VoterChange(AddVoter{member("x"), VoterKind::witness}));
  CHECK(change(of({"a", "b", "w", "x"}), registered({"x"})) ==
        VoterChange(RemoveVoter{member("w")}));
  CHECK(change(of({"a", "b", "w"}), registered({})) == std::nullopt);
}

TEST_CASE("witnesses are spread over hosts") {
  auto workers = registered({"w", "x"});
  workers.master_hosts = {"host-w", "host-b"};
  CHECK(change(of({"a", "b"}), workers) == VoterChange(AddVoter{member("x"), VoterKind::witness}));
}

TEST_CASE("an addition that did not catch up is passed over when another would do") {
  CHECK(change(of({"a", "b"}), registered({"w", "x"}), member("w")) ==
        VoterChange(AddVoter{member("x"), VoterKind::witness}));
  CHECK(change(of({"a", "b"}), registered({"w"}), member("w")) ==
        VoterChange(AddVoter{member("w"), VoterKind::witness}));
}

TEST_CASE("a master that lost its disk is admitted anew, then its old self is removed") {
  const std::map<NodeId, MemberId> masters{{NodeId("b"), member("b", 2)}};
  const auto before = of({"a", "b", "w"});
  const auto workers = registered({"w"});
  const auto living = all_of(before);
  const Electorate electorate{
      .configuration = before, .masters = masters, .living = living, .registered = &workers};
  CHECK(next_change(electorate, {}) == VoterChange(AddVoter{member("b", 2), VoterKind::master}));
  const auto both = before.with({member("b", 2), VoterKind::master, LogIndex(9)});
  CHECK(change(both, workers) == VoterChange(RemoveVoter{member("b")}));
}

TEST_CASE("two masters without a witness are a pair, unless three nodes have voted once") {
  CHECK(change(of({"a", "b"}), registered({})) == VoterChange(SetPair{true}));
  auto reduced = of({"a", "b"});
  reduced.was_protected = true;
  CHECK(change(reduced, registered({})) == std::nullopt);
  CHECK(change(of({"a"}), registered({"w"})) == std::nullopt);
}

TEST_CASE("a primary that is alone in pair mode only replaces a partner that lost its disk") {
  auto pair = of({"a", "b"});
  pair.pair = true;
  const auto workers = registered({"w"});
  const auto living = all_of(pair);
  const Electorate alone{.configuration = pair,
                         .masters = nobody,
                         .living = living,
                         .registered = &workers,
                         .alone = true};
  CHECK(next_change(alone, {}) == std::nullopt);
  const std::map<NodeId, MemberId> back{{NodeId("b"), member("b", 2)}};
  const Electorate replaced{.configuration = pair,
                            .masters = back,
                            .living = living,
                            .registered = &workers,
                            .alone = true};
  CHECK(next_change(replaced, {}) == VoterChange(AddVoter{member("b", 2), VoterKind::master}));
}

TEST_CASE("of the witnesses that are too many, one that is not heard goes first") {
  const auto five = of({"a", "b", "w", "x", "y"});
  const auto workers = registered({"x", "y"});
  auto living = all_of(five);
  const auto next = [&](const Configuration& configuration) {
    return next_change({.configuration = configuration,
                        .masters = nobody,
                        .living = living,
                        .registered = &workers},
                       {});
  };
  CHECK(next(five) == VoterChange(RemoveVoter{member("w")}));  // forgotten
  const auto four = of({"a", "b", "x", "y"});
  CHECK(next(four) == VoterChange(RemoveVoter{member("y")}));
  living.erase(member("x"));
  CHECK(next(four) == VoterChange(RemoveVoter{member("x")}));
}

TEST_CASE("a removal may leave no fewer living voters than a majority") {
  const auto four = of({"a", "b", "c", "x"});
  CHECK(has_living_quorum(four, {member("a"), member("b"), member("x")}));
  CHECK(!has_living_quorum(four, {member("a"), member("x")}));
  CHECK(!has_living_quorum(four, {member("a"), member("x"), member("w")}));     // votes no more
  CHECK(!has_living_quorum(four, {member("a"), member("b"), member("x", 2)}));  // has lost its disk
}

}  // namespace tandem::core::membership_test
