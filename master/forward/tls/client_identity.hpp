// client_identity.hpp: who a client is by the certificate that it has shown, as an element of
// X-Forwarded-Client-Cert (the form of Envoy).
#pragma once

#include <string>

#include <openssl/types.h>

namespace tandem::master::tls {

// By, Hash, Subject, URI, DNS: visible ASCII alone. By is the URI of our own certificate, if it has
// one. Names that could be read in two ways, and what exceeds limits::client_names_bytes_max, are
// left out. Empty: the client has shown no certificate. REQUIRES: the handshake is done
std::string client_identity(SSL* ssl);

// The certificate that the client has shown, perhaps when its session began, is of this time.
bool is_of_this_time(SSL* ssl);

}  // namespace tandem::master::tls
