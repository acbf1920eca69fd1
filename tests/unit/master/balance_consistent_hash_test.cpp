// Which worker has which keys, and what happens to them when workers come, go, and are overloaded.
#include <catch2/catch.hpp>

#include <chrono>
#include <cmath>
#include <thread>

#include "balance_fixture.hpp"
#include "master/balance/consistent_hash.hpp"
#include "master/balance/stable_hash.hpp"

namespace tandem::test::balance_consistent_hash_test {

using namespace tandem::master;

namespace {

std::vector<MaglevMember> members(std::size_t count, double weight = 1) {
  std::vector<MaglevMember> all;
  for (std::size_t i = 0; i < count; ++i) all.push_back({"worker-" + std::to_string(i), weight});
  return all;
}

std::vector<double> slots_of(const MaglevTable& table) {
  std::vector<double> counts(table.members().size());
  for (std::size_t slot = 0; slot < MaglevTable::slot_count; ++slot) counts[table.at(slot)] += 1;
  return counts;
}

// A policy with its table, which is built on another thread.
struct Hashing {
  std::shared_ptr<MaglevBuilder> builder = std::make_shared<MaglevBuilder>();
  ConsistentHash policy{builder, "default", 1};
  std::uint64_t tables = 0;

  // Returns once the table that the change asks for is there.
  void update(const Workers& workers) {
    policy.update(workers.candidates());
    ++tables;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (builder->slot("default")->version() < tables) {
      REQUIRE(std::chrono::steady_clock::now() < deadline);
      std::this_thread::yield();
    }
  }
};

std::uint64_t key_of(int number) { return stable_hash("user-" + std::to_string(number)); }

}  // namespace

TEST_CASE("a Maglev table gives each worker its share by weight, within one percent") {
  for (const std::size_t count : {1, 40, 2000}) {
    const double share = MaglevTable::slot_count / static_cast<double>(count);
    for (const auto slots : slots_of(MaglevTable(members(count)))) {
      CHECK(std::abs(slots - share) <= 1);
    }
  }
  auto unequal = members(3);
  unequal[1].weight = 2;
  unequal[2].weight = 5;
  const auto counts = slots_of(MaglevTable(unequal));
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(counts[i] == Approx(MaglevTable::slot_count * unequal[i].weight / 8).epsilon(0.01));
  }
}

TEST_CASE("at most 1.2/N of the keys move when one of N workers leaves") {
  for (const std::size_t count : {2, 5, 10, 50, 130}) {
    INFO(count);
    auto before = members(count);
    auto after = before;
    after.erase(after.begin() + static_cast<std::ptrdiff_t>(count / 2));
    const MaglevTable old_table(before);
    const MaglevTable new_table(after);
    std::size_t moved = 0;
    for (std::size_t slot = 0; slot < MaglevTable::slot_count; ++slot) {
      if (before[old_table.at(slot)].name != after[new_table.at(slot)].name) ++moved;
    }
    const double part = static_cast<double>(moved) / static_cast<double>(MaglevTable::slot_count);
    INFO(part * static_cast<double>(count));
    CHECK(part <= 1.2 / static_cast<double>(count));
  }
}

TEST_CASE("keys are spread by weight, and so are requests without one") {
  Workers workers({100, 200, 300, 400, 500, 500});
  Hashing hashing;
  hashing.update(workers);
  std::vector<int> with_key(workers.size());
  for (int user = 0; user < 20'000; ++user) {
    ++with_key[workers.pick(hashing.policy, key_of(user)).value()];
  }
  const auto without_key = workers.spread(hashing.policy, 20'000);
  for (std::size_t place = 0; place < workers.size(); ++place) {
    const double share = workers.candidates()[place].weight / 2000;
    const double tolerance = 3.5 * std::sqrt(20'000 * share * (1 - share));
    CHECK(std::abs(with_key[place] - 20'000 * share) <= tolerance);
    CHECK(std::abs(without_key.at(place) - 20'000 * share) <= tolerance);
  }
}

TEST_CASE("a key stays with its worker, on every loop and every master") {
  Workers workers(std::vector<double>(10, 100));
  Hashing one, other;
  one.update(workers);
  other.update(workers);
  for (int user = 0; user < 1000; ++user) {
    const auto place = workers.pick(one.policy, key_of(user));
    CHECK(workers.pick(one.policy, key_of(user)) == place);
    CHECK(workers.pick(other.policy, key_of(user)) == place);
  }
}

TEST_CASE(
    "keys of others stay where they are when a worker leaves, at once and with the new table") {
  Workers workers(std::vector<double>(10, 100));
  Hashing hashing;
  hashing.update(workers);
  std::vector<std::string> before;
  for (int user = 0; user < 2000; ++user) {
    before.push_back(workers.name(workers.pick(hashing.policy, key_of(user)).value()));
  }
  const auto gone = workers.name(4);
  workers.remove(4);
  int moved = 0;
  for (const bool rebuilt : {false, true}) {
    INFO(rebuilt);
    // At first the old table is all there is: no other thread has had the time to build one.
    rebuilt ? hashing.update(workers) : hashing.policy.update(workers.candidates());
    if (!rebuilt) --hashing.tables;
    moved = 0;
    for (int user = 0; user < 2000; ++user) {
      const auto& now = workers.name(workers.pick(hashing.policy, key_of(user)).value());
      REQUIRE(now != gone);
      const auto& was = before[static_cast<std::size_t>(user)];
      if (was != now) ++moved;
    }
    CHECK(moved <= 2000 * 1.2 / 10 + 3 * std::sqrt(200));
    if (!rebuilt) ++hashing.tables;
  }
}

TEST_CASE("no worker gets more than 1.25 times its fair share of what is in flight") {
  Workers workers(std::vector<double>(8, 100));
  Hashing hashing;
  hashing.update(workers);
  const auto hot = key_of(1);
  std::map<std::size_t, int> in_flight;
  for (int i = 1; i <= 400; ++i) {
    const auto place = workers.pick(hashing.policy, hot).value();
    workers.begin(hashing.policy, place);
    ++in_flight[place];
    REQUIRE(in_flight[place] <= std::ceil(1.25 * i / 8));
  }
  CHECK(in_flight.size() >= 7);
}

TEST_CASE("a hot key returns to its worker once the load has gone") {
  Workers workers(std::vector<double>(4, 100));
  Hashing hashing;
  hashing.update(workers);
  const auto home = workers.pick(hashing.policy, key_of(1)).value();
  std::vector<std::size_t> placed;
  for (int i = 0; i < 40; ++i) {
    placed.push_back(workers.pick(hashing.policy, key_of(1)).value());
    workers.begin(hashing.policy, placed.back());
  }
  CHECK(workers.in_flight(home) < 40);
  for (const auto place : placed) workers.end(hashing.policy, place);
  CHECK(workers.pick(hashing.policy, key_of(1)) == home);
}

TEST_CASE("keys are placed before the first table is there, too") {
  Workers workers({1, 1, 1});
  const auto policy = policy_of(tandem::wire::PolicyName::consistent_hash);
  policy->update(workers.candidates());
  for (int user = 0; user < 100; ++user) CHECK(workers.pick(*policy, key_of(user)).has_value());
}

TEST_CASE("the table of a service is forgotten with the last policy that uses it") {
  MaglevBuilder builder;
  auto slot = builder.slot("shop");
  builder.want(slot, {{"w1", 1}});
  builder.finish();
  REQUIRE(slot->version() == 1);
  CHECK(builder.slot("shop") == slot);
  slot.reset();
  CHECK(builder.slot("shop")->version() == 0);
}

}  // namespace tandem::test::balance_consistent_hash_test
