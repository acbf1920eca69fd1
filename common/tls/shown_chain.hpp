// shown_chain.hpp: the certificates that a peer has shown in its handshake, to be judged again
// while its connection is open: an authority may be removed from the files meanwhile.
//
// They are OpenSSL's own, which the connection keeps anyhow. They are verified as the handshake did
// it, and only when other authorities count than the last time. A session that was resumed may have
// forgotten who stands between its peer and the authority; then the peer is refused once the
// authorities change, and connects again.
//
// Owner: the thread that has the connection.
#pragma once

#include <string>

#include "common/tls/credentials.hpp"
#include "common/tls/openssl.hpp"

namespace tandem::tls {

class ShownChain {
 public:
  // REQUIRES: the handshake is done, and `accepted_by` has begun it.
  ShownChain(SSL* ssl, const ClusterCredentials& accepted_by);

  // Why the authorities of these credentials do not vouch for it, a few words; empty: they do.
  const std::string& why_refused(const ClusterCredentials& credentials);

 private:
  CertificatePtr own_;
  CertificateStack between_;  // and perhaps itself
  const Side shown_by_;
  std::string judged_by_;  // ClusterCredentials::authorities()
  std::string refusal_;
};

}  // namespace tandem::tls
