#include "common/access/role.hpp"

#include "common/base/assert.hpp"

namespace tandem::access {

std::string_view to_string(Role role) {
  switch (role) {
    case Role::viewer: return "viewer";
    case Role::worker: return "worker";
    case Role::operator_: return "operator";
    case Role::master: return "master";
    case Role::all: return "all";
  }
  assertion_failed("a known role", __FILE__, __LINE__);
}

std::optional<Role> role_of(std::string_view text) {
  for (const auto role : {Role::viewer, Role::worker, Role::operator_, Role::master, Role::all}) {
    if (text == to_string(role)) return role;
  }
  return std::nullopt;
}

bool includes(Role has, Role needed) {
  if (has == needed || has == Role::all) return true;
  if (needed == Role::viewer) return has == Role::operator_ || has == Role::master;
  return needed == Role::operator_ && has == Role::master;
}

}  // namespace tandem::access
