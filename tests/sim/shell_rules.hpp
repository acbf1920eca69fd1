// shell_rules.hpp: rules of the shell around the core, which the simulator's shell follows as the
// programs do, and which the mutation gate removes like those of common/core/rules.hpp.
#pragma once

namespace tandem::sim {

#ifdef TANDEM_MUTATIONS
#define TANDEM_SHELL_RULE(name) bool name = true
#else
#define TANDEM_SHELL_RULE(name) static constexpr bool name = true
#endif

struct ShellRules {
  // Questions about the state, and changes without effect, are answered by a primary ...
  TANDEM_SHELL_RULE(answers_under_lease);   // ... whose lease holds at that moment
  TANDEM_SHELL_RULE(answers_when_applied);  // ... and which has applied its own first entry
  // A master is reported as gone, so that its disk may be deleted, only once its removal is
  // committed.
  TANDEM_SHELL_RULE(gone_when_committed);
};

#undef TANDEM_SHELL_RULE

#ifdef TANDEM_MUTATIONS
inline ShellRules shell_rules;
#else
inline constexpr ShellRules shell_rules;
#endif

}  // namespace tandem::sim
