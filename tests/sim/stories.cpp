// tandem-sim-stories: two failures, told by the simulator: a primary that is killed, and a primary
// that is cut off from everyone but one worker. Prints Markdown: the trace, and the same as a
// sequence diagram.
#include <cstdio>
#include <functional>
#include <string>

#include <fmt/format.h>

#include "tests/sim/violation.hpp"
#include "tests/sim/world.hpp"

using namespace tandem;

namespace {

sim::Profile quiet_cluster() {
  SplitMix64 random(1);
  auto profile = *sim::find_profile("calm", random);
  profile.workers_min = profile.workers_max = 2;
  profile.default_timing = true;
  return profile;
}

// Runs the story from just before its fault; the fault is at time 0.
void tell(const char* title, const char* prose, const std::function<void(sim::World&)>& story) {
  constexpr std::uint64_t seed = 17;
  sim::SimTime fault{0};
  {
    sim::Trace silent({});
    sim::World rehearsal(seed, quiet_cluster(), silent);
    rehearsal.establish();
    rehearsal.run_quietly(2500ms);
    fault = rehearsal.now();
  }
  sim::Trace trace({.text = false,
                    .diagram = true,
                    .heartbeats = false,
                    .from = fault,
                    .until = sim::SimTime::max()});
  sim::World world(seed, quiet_cluster(), trace);
  world.establish();
  world.run_quietly(2500ms);
  trace.set_zero(world.now());
  story(world);
  fmt::print("### {}\n\n{}\n```\n", title, prose);
  for (const auto& line : trace.lines()) fmt::print("{}\n", line);
  fmt::print("```\n\n```mermaid\n{}```\n\n", trace.to_mermaid(world.names()));
}

}  // namespace

int main() {
  try {
    fmt::print(
        "# Two failures, as the simulator tells them\n\n"
        "Printed by `tandem-sim-stories`; times count from the failure. Heartbeats without news "
        "are left "
        "out. `last 12/2` is the entry 12 of term 2; `-x` is a message that is lost.\n\n");
    tell("A primary that is killed",
         "The process ends, so its peers' connections are reset and new ones are refused. Both the "
         "standby and the "
         "witness know at once that the process is gone, drop their promises to it, and elect the "
         "standby. Nothing "
         "waits for a timeout: most of the gap is the two writes that make the votes durable, and "
         "telling the "
         "workers the new term.\n",
         [](sim::World& world) {
           const auto killed = world.primary();
           world.kill(killed, true);
           world.run_quietly(60ms);
           world.start(killed);
           world.run_quietly(180ms);
         });
    tell("A primary that is cut off from everyone but one worker",
         "The worker that the primary still reaches does not vote. The primary's lease, counted "
         "from the sending of "
         "the last round that a majority answered, runs out before the promises of the other "
         "voters do, so it has "
         "stopped by itself when they elect the standby. The new primary tells that worker its "
         "term before it "
         "forwards anything; a late request of the old one would be refused there, and with its "
         "next heartbeat the "
         "worker tells the old primary of the new term. What the old primary had appended and "
         "could not commit "
         "gives way when the cut ends.\n",
         [](sim::World& world) {
           const auto cut = world.primary();
           const auto witness = world.witness();
           std::uint32_t worker = 0;
           for (const auto* name : {"w1", "w2"}) {
             if (world.find(name) != witness) worker = world.find(name);
           }
           world.cut_off(cut, worker);
           world.run_quietly(1300ms);
           world.mend_all();
           world.run_quietly(250ms);
         });
  } catch (const sim::Violation& violation) {
    fmt::print("VIOLATION {}\n", violation.what());
    return 1;
  }
  return 0;
}
