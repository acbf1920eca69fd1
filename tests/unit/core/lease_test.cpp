#include "common/core/lease.hpp"

#include <catch2/catch.hpp>

namespace tandem::core::lease_test {
namespace {
Instant at(Duration time) { return Instant(time); }
const MemberId a{NodeId("a"), IncarnationId(1)};
const MemberId b{NodeId("b"), IncarnationId(2)};
}  // namespace

TEST_CASE("a lease counts from the sending of the answered round") {
  Lease lease(475ms);
  CHECK(lease.serve_until() == Instant::never());
  lease.renew(at(100ms));
  CHECK(lease.serve_until() == at(575ms));
}

TEST_CASE("an answer that arrives late does not lengthen the lease") {
  Lease lease(475ms);
  lease.renew(at(100ms));
  lease.renew(at(0ms));  // the older round, answered last
  CHECK(lease.serve_until() == at(575ms));
  lease.renew(Instant::never());  // nothing answered at all
  CHECK(lease.serve_until() == at(575ms));
}

TEST_CASE("a round counts as answered when a majority has answered it or a later one") {
  std::vector<Instant> three{at(9s), at(5s), at(7s)};
  CHECK(answered_by(three, 2) == at(7s));
  std::vector<Instant> five{at(9s), Instant::never(), at(4s), Instant::never(), at(7s)};
  CHECK(answered_by(five, 3) == at(4s));
  std::vector<Instant> cut_off{at(9s), Instant::never(), Instant::never()};
  CHECK(answered_by(cut_off, 2) == Instant::never());
}

TEST_CASE("a promise binds against everyone but the primary it was given to, until it runs out") {
  Promise promise;
  CHECK(!promise.binds(b, at(0ms)));
  promise.give(a, at(500ms));
  CHECK(promise.binds(b, at(499ms)));
  CHECK(!promise.binds(a, at(499ms)));
  CHECK(!promise.binds(b, at(500ms)));
  CHECK(promise.left(at(100ms)) == Duration(400ms));
}

TEST_CASE("a later promise never shortens an earlier one") {
  Promise promise;
  promise.give(a, at(500ms));
  promise.give(b, at(400ms));
  CHECK(promise.until() == at(500ms));
}

TEST_CASE("a voter that restarts keeps quiet towards everyone") {
  Promise promise;
  promise.keep_quiet(at(500ms));
  CHECK(promise.binds(a, at(0ms)));
  CHECK(promise.binds(b, at(0ms)));
}

TEST_CASE("a dropped promise binds against nobody") {
  Promise promise;
  promise.give(a, at(500ms));
  promise.drop();
  CHECK(!promise.binds(b, at(0ms)));
}

}  // namespace tandem::core::lease_test
