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
                                             const std::string& name, tls::OutOfTime out_of_time);
// The same to replace `before`, if there is one: an error where that is of this time, and the next
// is not.
Result<tls::CredentialsPtr> load_credentials_again(const ClusterCertificate& files,
                                                   const std::string& name,
                                                   const tls::CurrentCredentialsPtr& before);

// `name`, or where it is empty the one in the certificate, if there is one that can be read.
std::string name_by_certificate(const ClusterCertificate& files, const std::string& name);

}  // namespace tandem
