// One seed gives one history; and what the simulator prints can be used to replay it.
#include <catch2/catch.hpp>

#include "tests/sim/disk.hpp"
#include "tests/sim/history.hpp"
#include "tests/sim/violation.hpp"

namespace tandem::determinism_test {

TEST_CASE("the same seed gives the same history, another seed another one") {
  for (const auto& profile : sim::profile_names()) {
    INFO(profile);
    const auto first = sim::run_history(7, profile, 200s, {});
    const auto again = sim::run_history(7, profile, 200s, {});
    const auto other = sim::run_history(8, profile, 200s, {});
    CHECK(first.violation == "");
    CHECK(first.digest == again.digest);
    CHECK(first.digest != other.digest);
  }
}

TEST_CASE("watching a history does not change it") {
  const auto blind = sim::run_history(7, "all", 100s, {});
  sim::Trace trace({.text = false, .diagram = true});
  SplitMix64 random(7);
  const auto profile = *sim::find_profile("all", random);
  sim::World world(random.next(), profile, trace);
  world.run(100s);
  CHECK(world.digest() == blind.digest);
  CHECK(!trace.lines().empty());
  CHECK(trace.to_mermaid(world.names()).rfind("sequenceDiagram\n", 0) == 0);
}

TEST_CASE("every fault of the profile \"all\" happens") {
  sim::Totals totals;
  SplitMix64 random(1);
  const auto profile = *sim::find_profile("all", random);
  for (std::uint64_t seed = 1; seed <= 20; ++seed)
    totals.add(sim::run_history(seed, "all", 600s, {}));
  for (std::size_t kind = 0; kind < sim::fault_kinds; ++kind) {
    INFO(to_string(static_cast<sim::FaultKind>(kind)));
    CHECK((totals.statistics.faults[kind] > 0) == (profile.weights[kind] > 0));
  }
  CHECK(totals.violations == 0);
  CHECK(totals.elections > 100);
}

TEST_CASE("the disk notices a vote that is given twice in one term") {
  SplitMix64 random(1);
  sim::Disk disk;
  const auto vote = [&](std::uint64_t number, const char* candidate) {
    core::Write write;
    write.number = core::WriteNumber(number);
    write.hard_state = core::HardState{
        core::ClusterId(1), Term(3), {core::NodeId(candidate), core::IncarnationId(1)}};
    disk.write(write, sim::SimTime(0), random);
    disk.finish(write.number);
  };
  vote(1, "a");
  CHECK_NOTHROW(vote(2, "a"));
  CHECK_THROWS_AS(vote(3, "b"), sim::Violation);
}

}  // namespace tandem::determinism_test
