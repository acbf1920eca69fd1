// tandem-sim: runs histories of simulated clusters and reports what was found. See README.md here.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "tests/sim/history.hpp"

using namespace tandem;

namespace {

double cpu_seconds() {
  timespec value{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &value);
  return static_cast<double>(value.tv_sec) + static_cast<double>(value.tv_nsec) / 1e9;
}

// Two runs that begin at once have no seed in common.
std::uint64_t calendar_ns() {
  timespec value{};
  clock_gettime(CLOCK_REALTIME, &value);
  return static_cast<std::uint64_t>(value.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(value.tv_nsec);
}

struct Arguments {
  std::uint64_t seed = 1;
  std::uint64_t seeds = 1;
  double hours = 1.0;
  std::string faults = "fresh";
  std::string report;
  bool fresh = false;
  bool trace = false;
  bool mermaid = false;
  bool heartbeats = false;
  double from_ms = 0;
  double until_ms = 0;
};

void add_options(CLI::App& app, Arguments& arguments) {
  app.add_option("--seed", arguments.seed, "the first history's seed");
  app.add_option("--seeds", arguments.seeds, "how many histories, of consecutive seeds");
  app.add_option("--hours", arguments.hours, "simulated hours of each history");
  app.add_option("--faults", arguments.faults, "what goes wrong")
      ->check(CLI::IsMember(sim::profile_names()));
  app.add_flag("--fresh-seed", arguments.fresh, "take the first seed from the calendar");
  app.add_option("--report", arguments.report, "a file for the report, besides the output");
  app.add_flag("--trace", arguments.trace, "print what happens");
  app.add_flag("--mermaid", arguments.mermaid, "print it as a sequence diagram at the end");
  app.add_flag("--heartbeats", arguments.heartbeats, "the trace shows the steady heartbeat, too");
  app.add_option("--from-ms", arguments.from_ms, "the trace begins here");
  app.add_option("--until-ms", arguments.until_ms, "the trace ends here (0: at the end)");
}

sim::SimTime from_ms(double ms) { return sim::SimTime(static_cast<sim::SimTime::rep>(ms * 1e6)); }

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Simulates clusters, breaks them, and checks what must never happen."};
  Arguments arguments;
  add_options(app, arguments);
  CLI11_PARSE(app, argc, argv);
  if (arguments.fresh) arguments.seed = calendar_ns();
  sim::TraceOptions trace{.text = arguments.trace,
                          .diagram = arguments.mermaid,
                          .heartbeats = arguments.heartbeats,
                          .from = from_ms(arguments.from_ms)};
  if (arguments.until_ms > 0) trace.until = from_ms(arguments.until_ms);
  const auto length = sim::SimTime(static_cast<sim::SimTime::rep>(arguments.hours * 3600e9));

  sim::Totals totals;
  const double began = cpu_seconds();
  for (std::uint64_t seed = arguments.seed; seed < arguments.seed + arguments.seeds; ++seed) {
    const auto history = sim::run_history(seed, arguments.faults, length, trace);
    totals.add(history);
    if (history.violation.empty()) continue;
    fmt::print(
        "VIOLATION seed {} profile {} at {:.3f} s: {}\n  replay: tandem-sim --seed {} --faults {} "
        "--hours {} --trace\n",
        seed, history.profile, history.simulated_seconds, history.violation, seed, arguments.faults,
        arguments.hours);
  }
  const auto report = fmt::format("seeds {} to {}, faults {}\n{}", arguments.seed,
                                  arguments.seed + arguments.seeds - 1, arguments.faults,
                                  totals.report(cpu_seconds() - began));
  fmt::print("{}", report);
  if (!arguments.report.empty() && !(std::ofstream(arguments.report) << report)) {
    fmt::print(stderr, "tandem-sim: --report: {} cannot be written\n", arguments.report);
    return 1;
  }
  return totals.violations == 0 ? 0 : 1;
}
