// bench-balance: what choosing a worker costs, for each policy and number of workers.
//
// A pick is the whole of it: choosing among usable workers, and telling the policy that the request
// began, was answered, and ended. As many requests are in flight whatever the number of workers.
// Prints nanoseconds per pick and the ratio of the last column to the first; medians of many
// rounds.
//
//   bench-balance [--unequal]      weights that differ; otherwise all weigh the same
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "master/balance/policy_factory.hpp"
#include "common/base/splitmix64.hpp"

using namespace tandem;
using namespace tandem::master;

namespace {

constexpr std::size_t sizes[] = {10, 100, 1'000, 10'000};
constexpr int rounds = 31;
constexpr int picks = 50'000;
constexpr std::size_t requests_in_flight = 64;

struct Workers {
  std::vector<std::string> names;
  std::vector<Candidate> candidates;
  std::vector<WorkerCounters*> counters;

  Workers(std::size_t count, bool unequal) {
    SplitMix64 chance(7);
    names.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      names.push_back("worker-" + std::to_string(i));
      const double weight = unequal ? static_cast<double>(1 + chance.below(1000)) : 100;
      candidates.push_back({.id = WorkerId(i + 1),
                            .name = names.back(),
                            .weight = weight,
                            .full_weight = weight,
                            .counters = std::make_shared<WorkerCounters>()});
      counters.push_back(candidates.back().counters.get());
    }
  }
};

double nanoseconds_per_pick(Policy& policy, Workers& workers) {
  const auto& counters = workers.counters;
  const auto usable = [&](std::size_t place) {
    return !counters[place]->suspect.load(std::memory_order_relaxed);
  };
  std::vector<std::size_t> in_flight(requests_in_flight, SIZE_MAX);
  SplitMix64 keys(11);
  const auto leave = [&](std::size_t place) {
    counters[place]->in_flight.fetch_sub(1, std::memory_order_relaxed);
    policy.ended(place);
  };
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < picks; ++i) {
    const Instant now(1h + i * 15us);
    const auto place = *policy.pick({.usable = usable, .key = keys.next(), .now = now});
    counters[place]->in_flight.fetch_add(1, std::memory_order_relaxed);
    policy.began(place);
    if (policy.learns()) policy.learn(place, Experience::good, 1ms, now);
    auto& slot = in_flight[static_cast<std::size_t>(i) % in_flight.size()];
    if (slot != SIZE_MAX) leave(slot);
    slot = place;
  }
  const auto took = std::chrono::steady_clock::now() - began;
  for (const auto place : in_flight) {
    if (place != SIZE_MAX) leave(place);
  }
  return std::chrono::duration<double, std::nano>(took).count() / picks;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const bool unequal = argc > 1 && std::strcmp(argv[1], "--unequal") == 0;
  std::printf("| policy | 10 | 100 | 1,000 | 10,000 | 10,000 / 10 |\n|---|---|---|---|---|---|\n");
  for (const auto& each : tandem::wire::policies) {
    // The sizes take turns, so that what else the machine does hits them alike.
    std::vector<std::unique_ptr<Workers>> workers;
    std::vector<std::unique_ptr<Policy>> policies;
    std::vector<std::vector<double>> measured(std::size(sizes));
    for (const auto size : sizes) {
      workers.push_back(std::make_unique<Workers>(size, unequal));
      PolicyFactory factory;
      policies.push_back(factory.make(each.policy, "default", 1));
      policies.back()->update(workers.back()->candidates);
      factory.finish_tables();
    }
    for (int round = 0; round <= rounds; ++round) {
      for (std::size_t i = 0; i < std::size(sizes); ++i) {
        const auto took = nanoseconds_per_pick(*policies[i], *workers[i]);
        if (round > 0) measured[i].push_back(took);  // the first warms up
      }
    }
    std::vector<double> columns;
    for (auto& column : measured) columns.push_back(median(std::move(column)));
    std::printf("| %s |", each.name);
    for (const auto column : columns) std::printf(" %.0f |", column);
    std::printf(" %.2f |\n", columns.back() / columns.front());
  }
}
