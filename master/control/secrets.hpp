// secrets.hpp: what --tokens-file and --token-file say: who may call this master, and what it
// presents to others. Read at the start, and again at SIGHUP.
//
// Owner: a value.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/access/credentials.hpp"
#include "common/base/result.hpp"

namespace tandem::master {

struct ControlPlaneOptions;

struct Secrets {
  std::shared_ptr<const access::Credentials> credentials;  // null: callers are asked for no secret
  std::string token;                                       // presented to masters; empty: none
  std::vector<std::string> warnings;                       // what an operator may not have meant
};

// Both files, or none of them. Any thread; blocks for the disk. Errors: `invalid`, naming the flag,
// and the line where one is at fault.
Result<Secrets> read_secrets(const ControlPlaneOptions& options);

}  // namespace tandem::master
