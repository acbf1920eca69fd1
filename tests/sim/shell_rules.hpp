// shell_rules.hpp: rules of the shell around the core, which the simulator's shell keeps as the
// programs do, and which the mutation gate takes out as it does those of common/core/rules.hpp.
#pragma once

namespace tandem::sim {

#ifdef TANDEM_MUTATIONS
#define TANDEM_SHELL_RULE(name) bool name = true
#else
#define TANDEM_SHELL_RULE(name) static constexpr bool name = true
#endif

struct ShellRules {
  // What is the state, and a change that has nothing to change, is answered by a primary ...
  TANDEM_SHELL_RULE(answers_under_lease);   // ... whose lease holds at that moment
  TANDEM_SHELL_RULE(answers_when_applied);  // ... and which has applied its own first entry
  // A master is said to be gone, so that its disk may go too, once its removal is committed.
  TANDEM_SHELL_RULE(gone_when_committed);
};

#undef TANDEM_SHELL_RULE

#ifdef TANDEM_MUTATIONS
inline ShellRules shell_rules;
#else
inline constexpr ShellRules shell_rules;
#endif

}  // namespace tandem::sim
