// role_hooks.hpp: commands of the operator that are run when this master becomes primary, and when
// it is primary no more: to move an address, to page someone.
//
// They run one after the other on a thread of their own and never delay the takeover. When the role
// changes faster than they end, only the latest change waits. Each gets TANDEM_NODE, TANDEM_ROLE
// (primary | standby) and TANDEM_TERM in its environment, and is killed after limits::hook_max.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "common/base/strong.hpp"

namespace tandem::master {

// Splits a command into its arguments: at blanks, but for those in '...' or "...". No shell is
// asked. Errors: `invalid`, naming `flag`: empty, an open quote.
Result<std::vector<std::string>> parse_command(std::string_view text, std::string_view flag);

struct RoleHooksOptions {
  std::string node;
  std::vector<std::string> on_promote;  // empty: none
  std::vector<std::string> on_demote;
};

class RoleHooks {
 public:
  explicit RoleHooks(RoleHooksOptions options);
  // Waits for a command that runs, limits::hook_max at most.
  ~RoleHooks();

  void promoted(Term term);
  void demoted(Term term);

 private:
  class Body;
  std::unique_ptr<Body> body_;
};

}  // namespace tandem::master
