// The checker itself: histories that can be told as one, and histories that cannot.
#include "tests/histories/linearizable.hpp"
#include "tests/histories/models.hpp"

#include <catch2/catch.hpp>
#include <random>

namespace tandem::test::linearizable_test {
namespace {

Operation op(Moment asked, Moment answered, std::string what) {
  return {asked, answered, std::move(what)};
}
Operation unknown(Moment asked, std::string what) { return {asked, asked, std::move(what), true}; }

Verdict settled(History& history, const std::vector<Operation>& operations) {
  for (const auto& operation : operations) history.add(operation);
  return history.settle();
}

Verdict verdict_on_value(const std::vector<Operation>& operations) {
  History history(value_model, nothing);
  return settled(history, operations);
}

Verdict verdict_on_worker(const std::vector<Operation>& operations) {
  History history(worker_model, "a:1 100 open");
  return settled(history, operations);
}

}  // namespace

TEST_CASE("an answer that is true of no moment of its request is a violation") {
  CHECK(verdict_on_value({op(0, 1, "set x"), op(2, 3, "is x")}) == Verdict::linearizable);
  CHECK(verdict_on_value({op(0, 1, "set x"), op(2, 3, "is none")}) == Verdict::violated);
  CHECK(verdict_on_value({op(0, 1, "set x"), op(2, 3, "set y"), op(4, 5, "is x")}) ==
        Verdict::violated);
}

TEST_CASE("requests that overlap may have come in any order, and no others") {
  CHECK(verdict_on_value({op(0, 5, "set x"), op(1, 6, "set y"), op(7, 8, "is x")}) ==
        Verdict::linearizable);
  CHECK(verdict_on_value({op(0, 9, "set x"), op(1, 2, "is none"), op(3, 4, "is x")}) ==
        Verdict::linearizable);
  CHECK(verdict_on_value({op(0, 9, "set x"), op(1, 2, "is x"), op(3, 4, "is none")}) ==
        Verdict::violated);
  // Two readers that see two writers in opposite orders.
  CHECK(verdict_on_value({op(0, 9, "set x"), op(0, 9, "set y"), op(1, 2, "is x"), op(3, 4, "is y"),
                          op(5, 6, "is x")}) == Verdict::violated);
}

TEST_CASE("a change of unknown outcome may come at any time after it was asked for, or never") {
  CHECK(verdict_on_value({unknown(0, "set x"), op(5, 6, "is none")}) == Verdict::linearizable);
  CHECK(verdict_on_value({unknown(0, "set x"), op(5, 6, "is none"), op(7, 8, "is x")}) ==
        Verdict::linearizable);
  CHECK(verdict_on_value({unknown(0, "set x"), op(5, 6, "is x"), op(7, 8, "is none")}) ==
        Verdict::violated);
  CHECK(verdict_on_value({op(5, 6, "is x"), unknown(7, "set x")}) == Verdict::violated);
  // It comes once.
  CHECK(verdict_on_value({unknown(0, "set x"), op(1, 2, "is x"), op(3, 4, "set y"),
                          op(5, 6, "is x")}) == Verdict::violated);
}

TEST_CASE("an unknown change may come in a later piece, until it is forgotten") {
  History history(value_model, nothing);
  CHECK(settled(history, {unknown(0, "set x"), op(1, 2, "set y")}) == Verdict::linearizable);
  CHECK(settled(history, {op(3, 4, "is y"), op(5, 6, "is x")}) == Verdict::linearizable);
  CHECK(settled(history, {op(7, 8, "set y"), op(9, 10, "is x")}) == Verdict::violated);

  History other(value_model, nothing);
  CHECK(settled(other, {unknown(0, "set x"), op(1, 2, "set y")}) == Verdict::linearizable);
  CHECK(other.settle(3) == Verdict::linearizable);
  CHECK(other.states() == std::set<std::string>{"x", "y"});
  CHECK(settled(other, {op(3, 4, "is y"), op(5, 6, "is x")}) == Verdict::violated);
}

TEST_CASE("a drain that is denied or lost is a violation") {
  CHECK(verdict_on_worker({op(0, 1, "undrain"), op(2, 3, "drain"), op(4, 5, "is drained")}) ==
        Verdict::linearizable);
  // Undrained at the new primary; answered from what the old one remembered; and it is up.
  CHECK(verdict_on_worker({op(0, 1, "drain"), op(2, 3, "undrain"), op(4, 5, "drain"),
                           op(6, 7, "is open")}) == Verdict::violated);
  CHECK(verdict_on_worker({op(0, 1, "drain"), op(2, 3, "absent")}) == Verdict::violated);
}

TEST_CASE("a worker is added once") {
  History history(worker_model, nothing);
  CHECK(settled(history, {op(0, 5, "add a:1"), op(0, 5, "exists"), op(6, 7, "has a:1 100")}) ==
        Verdict::linearizable);
  CHECK(verdict_on_worker({op(0, 5, "add b:2")}) == Verdict::violated);
  History twice(worker_model, nothing);
  CHECK(settled(twice, {op(0, 5, "add a:1"), op(0, 5, "add b:2")}) == Verdict::violated);
  History again(worker_model, nothing);
  CHECK(settled(again, {op(0, 5, "add a:1"), op(0, 5, "remove"), op(0, 5, "add b:2"),
                        op(6, 7, "is b:2 100 open")}) == Verdict::linearizable);
}

TEST_CASE("a violation is told in words") {
  History history(value_model, nothing);
  CHECK(settled(history, {op(0, 1'000'000, "set x"), unknown(1'500'000, "set y"),
                          op(2'000'000, 3'000'000, "is z")}) == Verdict::violated);
  CHECK(history.text() ==
        "from [none]\n     0.000      1.000 set x\n     1.500            set y ?\n"
        "     2.000      3.000 is z");
}

TEST_CASE("the search ends when there are too many orders") {
  std::vector<Operation> operations;
  for (int i = 0; i < 40; ++i) operations.push_back(op(0, 1'000, fmt::format("set {}", i)));
  operations.push_back(op(2'000, 2'001, "is never"));
  CHECK(verdict_on_value(operations) == Verdict::too_many_orders);
}

TEST_CASE(
    "histories of a true register are found to be so, and those with a stale answer are not") {
  std::mt19937 random(7);
  const auto any = [&](int below) {
    return static_cast<int>(random() % static_cast<unsigned>(below));
  };
  for (int round = 0; round < 200; ++round) {
    std::vector<Operation> operations;
    std::string value = nothing;
    std::vector<std::string> before;
    Moment last_change = 0;
    for (Moment at = 10; at < 400; at += 10) {
      const Moment asked = at - any(30), answered = at + any(30);
      if (any(3) == 0) {
        before.push_back(value);
        value = fmt::format("v{}", at);
        last_change = answered;
        round % 2 == 0 && any(4) == 0 ? operations.push_back(unknown(asked, "set " + value))
                                      : operations.push_back(op(asked, answered, "set " + value));
      } else {
        operations.push_back(op(asked, answered, "is " + value));
        last_change = std::max(last_change, answered);
      }
    }
    CHECK(verdict_on_value(operations) == Verdict::linearizable);
    if (before.empty() || round % 2 == 0) continue;  // an unknown one may come late
    operations.push_back(op(last_change + 100, last_change + 101, "is " + value));
    CHECK(verdict_on_value(operations) == Verdict::linearizable);
    operations.push_back(op(last_change + 102, last_change + 103, "is " + before.back()));
    CHECK(verdict_on_value(operations) == Verdict::violated);
  }
}

}  // namespace tandem::test::linearizable_test
