// authority.hpp: the private authority of a cluster, and what it issues: `tandem ca`.
//
// Keys are P-256, signatures ECDSA with SHA-256: all that is needed here, and understood
// everywhere. A certificate begins an hour before it was issued, for clocks that are behind.
//
// Any thread. Pure but for random numbers: the time is an argument.
#pragma once

#include <chrono>
#include <string>

#include "common/base/result.hpp"
#include "common/tls/pem.hpp"

namespace tandem::tls {

struct Issued {
  std::string certificate;  // PEM
  std::string key;          // PEM, PKCS #8, without a passphrase
  WallTime expires;
};

// A new authority for that cluster; it signs members, and no other authority.
Issued new_authority(const std::string& cluster, std::chrono::days lifetime, WallTime now);

// A certificate and its key for a member. `identity.cluster` is not read: it is that of the
// authority. Errors: `invalid`: the authority is none of a cluster, its key is another's, it ends
// before the member's certificate would; or as uris_of(); an address that is none.
Result<Issued> issue(const std::string& authority_pem, const std::string& authority_key_pem,
                     Identity identity, std::chrono::days lifetime, WallTime now);

}  // namespace tandem::tls
