// cluster_certificate.hpp: the files with which a worker, or a client of control addresses, proves
// who it is inside a cluster, and knows masters. All in PEM, as `tandem ca` makes them.
#pragma once

#include <string>

namespace tandem {

// With the first three, what goes between its owner and the masters is TLS 1.3, with certificates
// on both sides.
struct ClusterCertificate {
  std::string ca;           // of the cluster's authority
  std::string certificate;  // of this worker or operator
  std::string key;          // readable only by its owner
  std::string revoked;      // SHA-256 of public keys that are believed no more, one on a line
};

}  // namespace tandem
