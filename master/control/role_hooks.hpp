// role_hooks.hpp: commands of the operator that are run when this master becomes primary, and when
// it stops being primary: to move an address, or to page someone.
//
// Every gain and every loss of the leadership runs its command once, in order, also when this
// master ends normally (SIGTERM), with or without a successor. Commands run one after the other on
// a thread of their own and never delay a takeover; when more than limits::hooks_waiting_max wait,
// the oldest gain and its loss are dropped together. Each command gets in its environment
//   TANDEM_NODE  this master's name
//   TANDEM_ROLE  primary: it leads from now on; standby: it does not lead any more
//   TANDEM_TERM  the term that it is in, which is that of the gain or later
// besides what the master itself was started with, and is killed after limits::hook_max. A process
// that is killed by a signal it cannot catch, or that crashes, runs nothing.
//
// The commands can be changed at run time (a reload). A change of the role that has been reported
// already runs nothing anew; the loss of a leadership that was gained before runs the new command.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "common/base/strong.hpp"

namespace tandem::master {

// Splits a command into its arguments at blanks, except for those in '...' or "...". No shell is
// used. Errors: `invalid`, naming `flag`: empty, an open quote.
Result<std::vector<std::string>> parse_command(std::string_view text, std::string_view flag);

struct RoleCommands {
  std::vector<std::string> on_promote{};  // empty: none
  std::vector<std::string> on_demote{};
};

class RoleHooks {
 public:
  RoleHooks(std::string node, RoleCommands commands);
  // Runs the waiting commands and waits for them, limits::hook_max for each at most.
  ~RoleHooks();

  // Any thread.
  void promoted(Term term);
  void demoted(Term term);
  // For changes of the role from now on, and for those that wait. Any thread.
  void set_commands(RoleCommands commands);
  // The process is about to end: if the loss of the leadership has not been reported yet, its
  // command is started without waiting for it. Nothing is run after that. Any thread.
  void end_at_once();

 private:
  class Body;
  std::unique_ptr<Body> body_;
};

}  // namespace tandem::master
