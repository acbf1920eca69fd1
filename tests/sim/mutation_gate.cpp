// The mutation gate: each of the rules R1 to R11 and of the shell's is taken out in turn, and the
// simulator must notice within a bounded number of seeds. A rule whose absence goes unnoticed means
// that the simulator is too weak.
#include <algorithm>
#include <cstdio>
#include <iterator>
#include <string>
#include <variant>

#include <fmt/format.h>

#include "common/core/rules.hpp"
#include "tests/sim/history.hpp"
#include "tests/sim/shell_rules.hpp"

using namespace tandem;

namespace {

constexpr std::uint64_t seeds_max = 2'000;
constexpr sim::SimTime length = 120s;  // of each seed's faults

struct Mutation {
  const char* name;
  std::variant<bool core::Rules::*, bool sim::ShellRules::*> rule;
  const char* profile;
};

void keep_all_rules() {
  core::rules = core::Rules{};
  sim::shell_rules = sim::ShellRules{};
}

void take_out(const Mutation& mutation) {
  keep_all_rules();
  if (const auto* rule = std::get_if<bool core::Rules::*>(&mutation.rule)) {
    core::rules.*(*rule) = false;
  } else {
    sim::shell_rules.*std::get<bool sim::ShellRules::*>(mutation.rule) = false;
  }
}

// The profile under which the rule earns its keep; "all" where any does.
constexpr Mutation mutations[] = {
    {"R1 one vote per term", &core::Rules::one_vote_per_term, "all"},
    {"R2 persist before reply", &core::Rules::persist_before_reply, "crash"},
    {"R2 refused is not written", &core::Rules::rewrite_what_was_refused, "full"},
    {"R2 own vote is durable", &core::Rules::own_vote_is_durable, "crash"},
    {"R3 outsiders unseat nobody", &core::Rules::outsiders_unseat_nobody, "masters"},
    {"R3 lower terms are refused", &core::Rules::refuse_lower_terms, "freeze"},
    {"R4 only an up-to-date log wins", &core::Rules::up_to_date_log_wins, "all"},
    {"R5 commit needs a majority", &core::Rules::commit_needs_majority, "all"},
    {"R5 own term first", &core::Rules::commit_own_term_first, "figure-8"},
    {"R6 lease counts from send", &core::Rules::lease_counts_from_send, "freeze"},
    {"R7 lapsed lease stops serving", &core::Rules::lapsed_lease_stops_serving, "partition"},
    {"R8 one voter change at a time", &core::Rules::one_change_at_a_time, "workers"},
    {"R8 change after own term", &core::Rules::change_after_own_term, "voters"},
    {"R8 change by applied state", &core::Rules::change_by_applied_state, "workers"},
    {"R8 a pair ends with both", &core::Rules::pair_ends_with_both, "pair-masters"},
    {"R9 amnesiacs do not vote", &core::Rules::amnesiacs_do_not_vote, "amnesia"},
    {"R10 workers refuse lower terms", &core::Rules::workers_refuse_lower_terms, "all"},
    {"R11 drains wait for grants", &core::Rules::tightening_waits_for_grants, "grants-cut"},
    {"R11 earlier grants assumed", &core::Rules::grants_of_before_are_assumed, "grants-cut"},
    {"R11 grants count from question", &core::Rules::grant_counts_from_question, "grants-cut"},
    {"R11 grants wait for the state", &core::Rules::grant_waits_for_state, "grants"},
    {"R11 grants are for one run", &core::Rules::grant_is_for_one_run, "grants-restart"},
    {"R11 grants need a lease", &core::Rules::grants_need_a_lease, "grants-cut"},
    {"R11 removed hold no grant", &core::Rules::removed_have_no_grant, "grants-masters"},
    {"R11 primaries by their state", &core::Rules::primary_serves_by_its_state, "grants"},
    {"answers under lease", &sim::ShellRules::answers_under_lease, "partition"},
    {"answers when applied", &sim::ShellRules::answers_when_applied, "crash"},
    {"gone when committed", &sim::ShellRules::gone_when_committed, "pair-masters"},
};

// The first seed that shows the violation; nothing when none does.
bool is_noticed(const Mutation& mutation, std::uint64_t first) {
  take_out(mutation);
  for (std::uint64_t seed = first; seed < first + seeds_max; ++seed) {
    const auto history = sim::run_history(seed, mutation.profile, length, {});
    if (history.violation.empty()) continue;
    fmt::print("{:<32} seed {:>5} of {}, {:>6.1f} s: {}\n", mutation.name, seed - first + 1,
               mutation.profile, history.simulated_seconds, history.violation);
    return true;
  }
  fmt::print("{:<32} NOT NOTICED in {} seeds of {}\n", mutation.name, seeds_max, mutation.profile);
  return false;
}

// With every rule in force the same seeds must be quiet, or the gate proves nothing.
bool is_quiet(std::uint64_t first) {
  keep_all_rules();
  bool quiet = true;
  for (const auto& mutation : mutations) {
    for (std::uint64_t seed = first; seed < first + 50; ++seed) {
      const auto history = sim::run_history(seed, mutation.profile, length, {});
      if (history.violation.empty()) continue;
      fmt::print("no rule taken out, {} seed {}: {}\n", mutation.profile, seed, history.violation);
      quiet = false;
    }
  }
  return quiet;
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t first = argc > 1 ? std::stoull(argv[1]) : 1;
  const std::string_view only = argc > 2 ? argv[2] : "";  // "R3": by hand
  const auto missed =
      std::count_if(std::begin(mutations), std::end(mutations), [&](const Mutation& mutation) {
        return std::string_view(mutation.name).starts_with(only) && !is_noticed(mutation, first);
      });
  const bool quiet = is_quiet(first);
  fmt::print("{} of {} mutations noticed\n",
             std::size(mutations) - static_cast<std::size_t>(missed), std::size(mutations));
  return missed == 0 && quiet ? 0 : 1;
}
