// quiet_socket.hpp: a socket for OpenSSL, of which a write raises no SIGPIPE when the other end is
// gone: OpenSSL's own would end a program that has a library of ours in it and does not ignore that
// signal.
//
// Pure but for the socket. Any thread.
#pragma once

#include <openssl/bio.h>

namespace tandem::tls {

// The caller closes the descriptor, after the BIO is freed.
BIO* quiet_socket(int descriptor);

}  // namespace tandem::tls
