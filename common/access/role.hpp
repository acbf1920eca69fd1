// role.hpp: what a token allows, in one word.
//
//   viewer    GET
//   operator  what a viewer may, and changes
//   master    what an operator may, and the messages of the cluster, in its own name
//   worker    heartbeats in its scope; messages as a witness, where it was issued as one. No GET:
//             a worker that was taken over learns nothing of the others
//   all       everything: the one token of --token-file, and an entry while a cluster moves to
//             tokens of its own
//
// Pure.
#pragma once

#include <optional>
#include <string_view>

namespace tandem::access {

enum class Role { viewer, worker, operator_, master, all };

std::string_view to_string(Role role);
std::optional<Role> role_of(std::string_view text);

// Whether who has the role `has` may do what `needed` may.
bool includes(Role has, Role needed);

}  // namespace tandem::access
