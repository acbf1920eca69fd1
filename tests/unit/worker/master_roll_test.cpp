// Who is a master, at a worker that serves TLS.
#include "worker/src/master_roll.hpp"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

namespace tandem::master_roll_test {

using tandem::MasterRoll;

TEST_CASE("as long as nobody has told who the masters are all count") {
  unsigned asked = 0;
  MasterRoll roll([&] { ++asked; });
  CHECK(roll.has("a"));
  roll.take({"a"});
  CHECK(roll.has("a"));
  CHECK_FALSE(roll.has("b"));
  roll.take({});
  CHECK(roll.has("b"));
  CHECK(asked == 1);
}

TEST_CASE("a master that is not known yet is asked for before it is refused") {
  MasterRoll* asks = nullptr;
  MasterRoll roll([&] { asks->take({"a", "b"}); });
  asks = &roll;
  roll.take({"a"});
  CHECK(roll.has("b"));
}

TEST_CASE("a removed master that asks again and again has the masters asked now and then") {
  std::atomic<unsigned> asked = 0;
  std::atomic<unsigned> refused = 0;
  MasterRoll roll([&] { ++asked; });
  roll.take({"a"});
  std::vector<std::thread> callers;
  for (int i = 0; i < 20; ++i) callers.emplace_back([&] { refused += !roll.has("gone"); });
  for (auto& caller : callers) caller.join();
  CHECK(refused == 20);
  CHECK(asked >= 1);
  CHECK(asked < 20);
}

}  // namespace tandem::master_roll_test
