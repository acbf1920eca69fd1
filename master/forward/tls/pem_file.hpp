// pem_file.hpp: certificates as they lie in a file an operator names, in PEM.
//
// Errors: `invalid`, naming `flag` and the file, never what it holds. Any thread; blocks for the
// disk.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/types.h>

#include "common/base/result.hpp"

namespace tandem::master::tls {

// "FLAG: FILE WHY"
Error refuse_file(std::string_view flag, const std::string& file, std::string_view why);

// The content of a regular file that is neither empty nor longer than
// limits::certificate_bytes_max.
Result<std::string> read_text_file(const std::string& file, std::string_view flag);

// All certificates of the file, in their order; at least one.
Result<std::vector<std::shared_ptr<X509>>> read_certificates(const std::string& file,
                                                             std::string_view flag);

// The newest error that OpenSSL has noted on this thread, a few words; forgets all of them.
std::string openssl_reason();

}  // namespace tandem::master::tls
