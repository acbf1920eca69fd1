// member_files.hpp: the certificate that the options of a library name.
#pragma once

#include "common/access/last_day.hpp"
#include "common/base/result.hpp"
#include "common/tls/credentials.hpp"
#include "tandem/cluster_certificate.hpp"

namespace tandem::tls {

// Null when no files are given. Errors: `invalid`, as ClusterCredentials::load(). Blocks for the
// disk.
inline Result<CredentialsPtr> load_if_given(const ClusterCertificate& files,
                                            OutOfTime out_of_time = OutOfTime::refused) {
  const ClusterFiles given{.authority = files.ca,
                           .certificate = files.certificate,
                           .key = files.key,
                           .revoked = files.revoked};
  if (auto valid = given.validate(); !valid) return valid.error();
  if (!given.is_given()) return CredentialsPtr();
  return ClusterCredentials::load(given, access::wall_time(), out_of_time);
}

}  // namespace tandem::tls
