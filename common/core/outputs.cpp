#include "common/core/outputs.hpp"

namespace tandem::core {

const char* to_string(Role role) {
  switch (role) {
    case Role::follower: return "follower";
    case Role::pre_candidate: return "pre-candidate";
    case Role::candidate: return "candidate";
    case Role::primary: return "primary";
  }
  assertion_failed("a known role", __FILE__, __LINE__);
}

void Outputs::clear() {
  write.reset();
  messages.clear();
  restore.reset();
  apply.clear();
  role.reset();
  serve_until.reset();
  granted_until.reset();
  in_force.reset();
  announce.reset();
  refused.clear();
  snapshot_wanted = false;
}

}  // namespace tandem::core
