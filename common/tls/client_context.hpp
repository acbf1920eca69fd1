// client_context.hpp: what connections to servers begin with whose certificates are verified, as
// those on the internet are: by an authority, for a name.
//
// Versions 1.2 and 1.3 at OpenSSL's security level 2; no compression, no renegotiation, no
// resumption.
#pragma once

#include <string>

#include "common/base/result.hpp"
#include "common/tls/openssl.hpp"

namespace tandem::tls {

// Of certificates by the authorities in that file, in PEM; empty: those of the system. Errors:
// beginning with the file. Blocks for the disk.
Result<ContextPtr> client_context(const std::string& authorities);

}  // namespace tandem::tls
