// The tallies of loops that come and go.
#include <catch2/catch.hpp>

#include <thread>

#include "master/registry/worker_answers.hpp"

namespace tandem::master::worker_answers_test {

TEST_CASE("each loop counts by itself, and goes on where another has let its tally go") {
  WorkerAnswers answers;
  auto first = answers.take();
  auto second = answers.take();
  CHECK(first != second);
  first->add(false, 204);
  second->add(true, 404);
  second->add(true, 999);  // as outcomes of requests have it
  CHECK(answers.sums() == wire::AnswerCounts{{{0, 1, 0, 0, 0}, {0, 0, 0, 1, 1}}});
  const auto* const let_go = first.get();
  first.reset();
  CHECK(answers.total() == 3);
  const auto third = answers.take();
  CHECK(third.get() == let_go);
  third->add(false, 101);
  CHECK(answers.total() == 4);
}

TEST_CASE("a worker that joins and leaves a loop a thousand times has one tally") {
  WorkerAnswers answers;
  const auto* const only = answers.take().get();
  std::thread loop([&] {
    for (int round = 0; round < 1'000; ++round) {
      const auto tally = answers.take();
      CHECK(tally.get() == only);
      tally->add(false, 200);
    }
  });
  loop.join();
  CHECK(answers.total() == 1'000);
}

}  // namespace tandem::master::worker_answers_test
