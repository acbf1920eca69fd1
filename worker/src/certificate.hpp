// certificate.hpp: this worker's certificate in its cluster, from the files that its options name.
#pragma once

#include <string>

#include "common/base/result.hpp"
#include "common/tls/credentials.hpp"
#include "tandem/worker.hpp"

namespace tandem {

// Null when no files are given. Errors: `invalid`, as a sentence, as ClusterCredentials::load(); or
// it is not the certificate of the worker `name`.
Result<tls::CredentialsPtr> load_credentials(const ClusterCertificate& files,
                                             const std::string& name);

// `name`, or where it is empty the one in the certificate, if there is one that can be read.
std::string name_by_certificate(const ClusterCertificate& files, const std::string& name);

}  // namespace tandem
