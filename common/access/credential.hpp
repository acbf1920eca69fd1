// credential.hpp: what is known of a token, or a certificate: whose it is, and what it allows.
// Never the token.
//
// A value; shared between threads it is immutable.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/access/last_day.hpp"
#include "common/access/role.hpp"
#include "common/base/address_range.hpp"

namespace tandem::access {

// What a worker may say that it is.
struct WorkerScope {
  std::vector<std::string> names;                // each a name, or the beginning of names and '*'
  std::vector<std::string> services{"default"};  // each a name, or "*": any
  std::vector<AddressRange> addresses{};         // none: the one that it calls from
  // It may vote, and so hold the log, and speak as itself to masters. Then it has one name alone:
  // whoever knows its token can speak to it as a master does.
  bool witness = false;
};

struct Credential {
  std::string name;  // who it is; of a master that of its node
  Role role = Role::viewer;
  std::string sha256{};  // of the token, 64 lower-case hexadecimal digits; empty: a certificate
  WorkerScope scope{};   // of a worker
  std::optional<LastDay> until{};  // unset: it does not expire
  int line = 0;                    // in the file that it comes from, for sentences
};

// "ops (operator)", for sentences and the log.
std::string described(const Credential& credential);

// Whether it may send messages of the cluster as the node of that name.
bool may_speak_as(const Credential& credential, std::string_view node);

// SHA-256 of the token, as it stands in a Credential. Any thread.
std::string hash_of(std::string_view token);

// What a master presents to a witness, for which it needs no more than the hash of the witness's
// token: HMAC-SHA-256(hash, a fixed label), as a token of 64 hexadecimal digits. The witness, which
// knows the token, knows this too; nobody learns from it what else the master could prove, at
// whatever address somebody says the witness is.
std::string witness_secret(std::string_view sha256);

}  // namespace tandem::access
