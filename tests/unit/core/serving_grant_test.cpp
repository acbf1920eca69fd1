#include "common/core/serving_grant.hpp"

#include <catch2/catch.hpp>

#include "common/core/limits.hpp"

namespace tandem::core::serving_grant_test {
namespace {

Instant at(Duration time) { return Instant(time); }
const MemberId b{NodeId("b"), IncarnationId(2)};
const MemberId c{NodeId("c"), IncarnationId(3)};
constexpr Duration length = 1500ms;

GrantRequest request(Duration asked, std::uint64_t applied, std::uint64_t session = 1) {
  return {.asked = at(asked), .session = SessionId(session), .applied = LogIndex(applied)};
}

// A primary whose predecessors' grants have run out.
GivenGrants late() { return GivenGrants(length, at(0ms)); }

const LogIndex everything(~std::uint64_t{0});

}  // namespace

TEST_CASE("a grant runs from the arrival of the question at the primary") {
  auto given = late();
  given.heard(b, request(7s, 4), at(2s));
  CHECK(given.is_over(b, at(2s)));  // asked, and not answered yet
  const auto grant = given.give(b, at(2100ms));
  REQUIRE(grant.has_value());
  CHECK(grant->asked == at(7s));
  CHECK_FALSE(given.is_over(b, at(3499ms)));
  CHECK(given.is_over(b, at(3500ms)));
}

TEST_CASE("an old question is not answered again, and a repeated one lengthens nothing") {
  auto given = late();
  CHECK_FALSE(given.give(b, at(2s)).has_value());
  given.heard(b, request(7s, 4), at(2s));
  CHECK(given.give(b, at(2s)).has_value());
  given.heard(b, request(7s, 4), at(3s));  // repeated by the network
  given.heard(b, request(6s, 4), at(3s));  // overtaken
  CHECK(given.give(b, at(3s))->asked == at(7s));
  CHECK(given.is_over(b, at(3500ms)));
  CHECK_FALSE(given.give(b, at(3500ms)).has_value());
}

TEST_CASE("a change is in force at a master that has applied it, or that holds no grant") {
  auto given = late();
  CHECK(given.in_force(b, at(2s)) == everything);
  given.heard(b, request(7s, 4), at(2s));
  given.give(b, at(2s));
  CHECK(given.in_force(b, at(2s)) == LogIndex(4));
  given.heard(b, request(8s, 6), at(2500ms));
  given.heard(b, request(7500ms, 5), at(2600ms));  // overtaken
  CHECK(given.in_force(b, at(2700ms)) == LogIndex(6));
  CHECK(given.in_force(b, at(3500ms)) == everything);
}

TEST_CASE("what earlier primaries have granted runs out a grant's length after the election") {
  GivenGrants given(length, at(10s));
  CHECK(given.in_force(c, at(11s)) == LogIndex(0));
  given.heard(c, {.session = SessionId(1), .applied = LogIndex(9)}, at(11s));  // it asks for none
  CHECK(given.in_force(c, at(11s)) == LogIndex(9));
  CHECK_FALSE(given.is_over(c, at(11499ms)));
  CHECK_FALSE(given.are_over(at(11499ms)));
  CHECK(given.is_over(c, at(11500ms)));
  CHECK(given.are_over(at(11500ms)));
}

TEST_CASE("a master uses a grant from its own question, once its state is as new as the grant") {
  HeldGrant held;
  CHECK(held.until() == Instant::never());
  held.take({.asked = at(1s), .session = SessionId(1)}, 1425ms, LogIndex(5));
  CHECK(held.until() == Instant::never());
  held.applied(LogIndex(4));
  CHECK(held.until() == Instant::never());
  held.applied(LogIndex(5));
  CHECK(held.until() == at(2425ms));
  held.take({.asked = at(2s), .session = SessionId(1)}, 1425ms, LogIndex(7));
  CHECK(held.until() == at(2425ms));  // the older one still counts
  held.take({.asked = at(500ms), .session = SessionId(1)}, 1425ms, LogIndex(5));
  CHECK(held.until() == at(2425ms));  // late
  held.applied(LogIndex(8));
  CHECK(held.until() == at(3425ms));
  held.drop();
  CHECK(held.until() == Instant::never());
}

TEST_CASE("grants that wait for the state are bounded, and the newest are kept") {
  HeldGrant held;
  const auto take = [&](std::size_t number) {
    const auto asked = at(std::chrono::seconds(number));
    held.take({.asked = asked, .session = SessionId(1)}, 1s, LogIndex(number));
  };
  for (std::size_t number = 1; number <= limits::grants_waiting_max + 1; ++number) take(number);
  held.applied(LogIndex(1));
  CHECK(held.until() == Instant::never());  // the first one was given up
  held.applied(LogIndex(2));
  CHECK(held.until() == at(3s));
}

TEST_CASE("the usable part of a grant is shorter by the margins of as many leases") {
  const Timing timing;
  CHECK(timing.grant() == 1500ms);
  CHECK(timing.grant_usable() == 1425ms);
}

}  // namespace tandem::core::serving_grant_test
