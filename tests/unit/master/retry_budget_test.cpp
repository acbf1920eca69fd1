// How many second tries requests pay for.
#include <catch2/catch.hpp>

#include "master/balance/retry_budget.hpp"

namespace tandem::retry_budget_test {

using tandem::master::RetryBudget;

namespace {

Instant at(Duration since_start) { return Instant(1h + since_start); }

int payments(RetryBudget& budget, Instant now) {
  int paid = 0;
  while (paid < 10'000 && budget.pay(now)) ++paid;
  return paid;
}

}  // namespace

TEST_CASE("five requests earn one retry, and three a second are free") {
  RetryBudget budget(1);
  for (int i = 0; i < 100; ++i) budget.earn(at(0s));
  CHECK(payments(budget, at(0s)) == 20 + 3);
  CHECK(payments(budget, at(1s)) == 3);
  CHECK(payments(budget, at(10s)) == 3);  // what is free is not saved up
}

TEST_CASE("what was earned is kept for ten seconds") {
  RetryBudget budget(1);
  for (int i = 0; i < 1000; ++i) budget.earn(at(0s));
  CHECK(payments(budget, at(5s)) == 100 + 3);
  for (int i = 0; i < 1000; ++i) budget.earn(at(6s));
  CHECK(payments(budget, at(17s)) == 3);
}

TEST_CASE("at a steady rate retries are a fifth of the requests at most") {
  RetryBudget budget(1);
  int retries = 0;
  for (int i = 0; i < 100'000; ++i) {
    const auto now = at(i * 1ms);
    budget.earn(now);
    for (int wanted = 0; wanted < 2; ++wanted) retries += budget.pay(now) ? 1 : 0;
  }
  CHECK(retries <= 20'000 + 3 * 100 + 3);
  CHECK(retries >= 19'000);
}

TEST_CASE("loops that share a service share what is free") {
  RetryBudget budget(3);
  payments(budget, at(0s));
  CHECK(payments(budget, at(1s)) == 1);
}

}  // namespace tandem::retry_budget_test
