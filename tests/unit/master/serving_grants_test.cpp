// What masters that serve without leading may do, and what they share.
#include <catch2/catch.hpp>

#include "master/forward/exchange/rate_limiter.hpp"
#include "master/registry/serving_gate.hpp"
#include "tests/unit/master/registry_fixture.hpp"

namespace tandem::master::serving_grants_test {
namespace {
Instant at(Duration since_start) { return Instant(1h + since_start); }
}  // namespace

TEST_CASE("under a grant a master may forward without a term, and decides nothing") {
  ServingGate gate;
  gate.set_term(Term(3));
  CHECK(!gate.may_forward(at(0s)));
  gate.set_granted_until(at(2s));
  CHECK(gate.may_forward(at(1s)) == Term());
  CHECK(!gate.open_at(at(1s)));
  CHECK(!gate.may_forward(at(2s)));
  gate.set_serve_until(at(3s));  // it leads
  CHECK(gate.may_forward(at(1s)) == Term(3));
  CHECK(gate.may_forward(at(2s)) == Term(3));
  CHECK(!gate.may_forward(at(3s)));
}

TEST_CASE("masters that serve let through their shares of what a client may send") {
  RateLimiter limiter({.per_second = 30, .burst = 60}, 1);
  const auto admitted = [&](Instant now, unsigned sharers) {
    int count = 0;
    for (int i = 0; i < 100; ++i) {
      count += limiter.admit("192.0.2.1", now, sharers) == Duration::zero();
    }
    return count;
  };
  CHECK(admitted(at(0s), 3) == 20);
  CHECK(admitted(at(1s), 3) == 10);
  CHECK(admitted(at(1h), 1) == 60);
  RateLimiter one({.per_second = 1, .burst = 1}, 1);
  CHECK(one.admit("192.0.2.1", at(0s), 5) == Duration::zero());  // never less than one
  CHECK(one.admit("192.0.2.1", at(0s), 5) == 5s);
}

TEST_CASE("a share of a limit is never none, and no limit stays no limit") {
  CHECK(share_of(64, 1) == 64);
  CHECK(share_of(64, 3) == 21);
  CHECK(share_of(2, 3) == 1);
  CHECK(share_of(0, 3) == 0);
}

TEST_CASE_METHOD(RegistryFixture, "masters that serve share the connections of a worker") {
  REQUIRE(hear("w1").ok());
  commit_registrations();
  REQUIRE(hear("w1").ok());
  registry.publish();
  const auto connections = [&] {
    return snapshots.back()->find("default")->workers.front()->connections;
  };
  const unsigned all = connections();
  CHECK(snapshots.back()->sharers == 1);
  registry.set_sharers(2);
  registry.publish();
  CHECK(connections() == all / 2);
  CHECK(snapshots.back()->sharers == 2);
  CHECK(snapshots.back()->find("default")->sharers == 2);
  const auto published = snapshots.size();
  registry.set_sharers(2);  // no news
  registry.publish();
  CHECK(snapshots.size() == published);
  registry.set_sharers(1);
  registry.publish();
  CHECK(connections() == all);
}

}  // namespace tandem::master::serving_grants_test
