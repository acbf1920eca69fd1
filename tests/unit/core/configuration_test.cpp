#include "common/core/configuration.hpp"

#include <catch2/catch.hpp>

namespace tandem::core::configuration_test {
namespace {

Voter voter(const char* name, std::uint64_t incarnation, std::uint64_t since,
            VoterKind kind = VoterKind::master) {
  return {{NodeId(name), IncarnationId(incarnation)}, kind, LogIndex(since)};
}

Configuration of(std::initializer_list<const char*> names) {
  Configuration configuration;
  std::uint64_t since = 0;
  for (const auto* name : names) configuration = configuration.with(voter(name, 1, ++since));
  return configuration;
}

}  // namespace

TEST_CASE("a quorum is more than half of the voters") {
  CHECK(of({"a"}).quorum() == 1);
  CHECK(of({"a", "b"}).quorum() == 2);
  CHECK(of({"a", "b", "c"}).quorum() == 2);
  CHECK(of({"a", "b", "c", "d"}).quorum() == 3);
  CHECK(of({"a", "b", "c", "d", "e"}).quorum() == 3);
}

TEST_CASE("majorities of configurations one change apart meet, two changes apart they need not") {
  CHECK(majorities_meet(of({"a"}), of({"a", "b"})));
  CHECK(majorities_meet(of({"a", "b", "c"}), of({"a", "b", "c", "d"})));
  CHECK(majorities_meet(of({"a", "b", "c", "d"}), of({"a", "b", "c"})));
  CHECK(!majorities_meet(of({"a", "b", "c"}), of({"a", "b", "c", "d", "e"})));
  CHECK(majorities_meet(of({"a", "b"}), of({"a", "c"})));  // both need a
  CHECK(!majorities_meet(of({"a", "b", "d"}), of({"a", "b", "c", "e"})));
}

TEST_CASE("a node that lost its disk is another voter, and its earlier incarnation is superseded") {
  const auto both = of({"a", "b", "c"}).with(voter("b", 2, 9));
  CHECK(both.voters.size() == 4);
  CHECK(both.nodes() == 3);
  CHECK(both.current(NodeId("b"))->id.incarnation == IncarnationId(2));
  CHECK(both.is_superseded(voter("b", 1, 2)));
  CHECK(!both.is_superseded(voter("b", 2, 9)));
  CHECK(!of({"a", "b"}).contains({NodeId("b"), IncarnationId(2)}));
}

TEST_CASE("three nodes are protected for good, two incarnations of one are not three nodes") {
  CHECK(!of({"a", "b"}).was_protected);
  CHECK(!of({"a", "b"}).with(voter("b", 2, 9)).was_protected);
  const auto three = of({"a", "b", "c"});
  CHECK(three.was_protected);
  CHECK(three.without(voter("c", 1, 3).id).was_protected);
}

TEST_CASE("any change of the voters ends pair mode") {
  auto pair = of({"a", "b"});
  pair.pair = true;
  CHECK(!pair.with(voter("w", 1, 5, VoterKind::witness)).pair);
  CHECK(!pair.without(voter("b", 1, 2).id).pair);
}

}  // namespace tandem::core::configuration_test
