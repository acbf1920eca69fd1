// How many PINGs a worker is sent before it counts them as too many.
#include <catch2/catch.hpp>

#include "master/forward/workers/ping_budget.hpp"

namespace tandem::master::ping_budget_test {

TEST_CASE("a PING that an answer crosses counts for the time after it") {
  PingBudget pings;
  const auto left = [&pings] {
    auto rest = pings;
    unsigned count = 0;
    for (; rest.may_ping(); ++count) rest.note_ping();
    return count;
  };
  const auto most = left();
  pings.note_ping();
  pings.note_answer(/*is_ping_unanswered=*/false);
  CHECK(left() == most);
  pings.note_ping();
  pings.note_answer(/*is_ping_unanswered=*/true);
  CHECK(left() == most - 1);
}

}  // namespace tandem::master::ping_budget_test
