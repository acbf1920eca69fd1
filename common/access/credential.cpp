#include "common/access/credential.hpp"

#include <fmt/format.h>

#include "common/base/secret.hpp"

namespace tandem::access {

std::string described(const Credential& credential) {
  return fmt::format("{} ({})", credential.name, to_string(credential.role));
}

bool may_speak_as(const Credential& credential, std::string_view node) {
  switch (credential.role) {
    case Role::all: return true;
    case Role::master: return credential.name == node;
    case Role::worker: return credential.scope.witness && credential.scope.names.front() == node;
    case Role::viewer:
    case Role::operator_: break;
  }
  return false;
}

std::string hash_of(std::string_view token) { return digest(token); }

std::string witness_secret(std::string_view sha256) {
  return keyed_digest(sha256, "tandem: a master, to the witness whose token this is", 32);
}

}  // namespace tandem::access
