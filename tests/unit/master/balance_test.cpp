#include <catch2/catch.hpp>

#include <map>

#include "master/balance/policy.hpp"

using namespace tandem::master;

namespace {

SnapshotService service_of(const std::vector<unsigned>& weights, std::uint64_t first_id = 1) {
  SnapshotService service{"default", {}};
  for (const auto weight : weights) {
    auto worker = std::make_shared<SnapshotWorker>();
    worker->id = WorkerId(first_id++);
    worker->weight = weight;
    worker->counters = std::make_shared<WorkerCounters>();
    service.workers.push_back(std::move(worker));
  }
  return service;
}

std::map<std::size_t, int> picks(Policy& policy, int count, Usable usable) {
  std::map<std::size_t, int> seen;
  for (int i = 0; i < count; ++i) ++seen[policy.pick(usable).value()];
  return seen;
}

const auto all = [](std::size_t) { return true; };

}  // namespace

TEST_CASE("every policy chooses nothing among nobody, and nothing when nobody is usable") {
  for (const auto name : {PolicyName::round_robin, PolicyName::least_connections}) {
    INFO(to_string(name));
    const auto policy = make_policy(name, 1);
    CHECK_FALSE(policy->pick(all).has_value());
    policy->update(service_of({1, 1, 1}));
    CHECK_FALSE(policy->pick([](std::size_t) { return false; }).has_value());
    CHECK(policy->pick([](std::size_t index) { return index == 1; }) == std::size_t{1});
  }
}

TEST_CASE("round robin gives each worker exactly its share, whatever the seed") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto policy = make_policy(PolicyName::round_robin, seed);
    policy->update(service_of({1, 1, 1}));
    const auto seen = picks(*policy, 300, all);
    for (std::size_t index = 0; index < 3; ++index) CHECK(seen.at(index) == 100);
  }
}

TEST_CASE("round robin follows weights, smoothly") {
  const auto policy = make_policy(PolicyName::round_robin, 7);
  policy->update(service_of({500, 300, 200}));
  std::map<std::size_t, int> seen;
  std::size_t longest_run = 0, run = 0, before = 3;
  for (int i = 0; i < 1000; ++i) {
    const auto index = policy->pick(all).value();
    ++seen[index];
    run = index == before ? run + 1 : 1;
    before = index;
    longest_run = std::max(longest_run, run);
  }
  CHECK(std::abs(seen[0] - 500) <= 1);
  CHECK(std::abs(seen[1] - 300) <= 1);
  CHECK(std::abs(seen[2] - 200) <= 1);
  CHECK(longest_run <= 2);
}

TEST_CASE("a worker that was unusable does not get the turns that it missed") {
  const auto policy = make_policy(PolicyName::round_robin, 3);
  policy->update(service_of({1, 1}));
  picks(*policy, 1000, [](std::size_t index) { return index == 0; });
  const auto seen = picks(*policy, 10, all);
  CHECK(std::abs(seen.at(0) - seen.at(1)) <= 1);
}

TEST_CASE("a worker that joins takes its share from then on, and no more") {
  const auto policy = make_policy(PolicyName::round_robin, 3);
  auto service = service_of({1, 1});
  policy->update(service);
  picks(*policy, 1001, all);
  service.workers.push_back(service_of({1}, 50).workers.front());
  policy->update(service);
  const auto seen = picks(*policy, 30, all);
  for (std::size_t index = 0; index < 3; ++index) CHECK(std::abs(seen.at(index) - 10) <= 1);
}

TEST_CASE("least connections follows what is in flight, relative to weight") {
  const auto service = service_of({100, 100, 200});
  const auto policy = make_policy(PolicyName::least_connections, 1);
  policy->update(service);
  service.workers[0]->counters->in_flight = 4;
  service.workers[1]->counters->in_flight = 6;
  service.workers[2]->counters->in_flight = 7;
  CHECK(policy->pick(all) == std::size_t{2});
  service.workers[2]->counters->in_flight = 12;
  CHECK(policy->pick(all) == std::size_t{0});
}

TEST_CASE("least connections takes idle equals in turn") {
  const auto policy = make_policy(PolicyName::least_connections, 1);
  policy->update(service_of({1, 1, 1, 1}));
  for (const auto& [index, count] : picks(*policy, 40, all)) CHECK(count == 10);
}

TEST_CASE("a policy that does not exist is refused with the names of those that do") {
  CHECK(*parse_policy("round_robin", "--balance") == PolicyName::round_robin);
  const auto refused = parse_policy("fastest", "--balance");
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message.find("least_connections") != std::string::npos);
}
