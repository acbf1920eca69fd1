// pem.hpp: certificates and keys as texts in PEM (RFC 7468), and what they say.
//
// Any thread. No sentence of an error quotes what a text holds.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"
#include "common/tls/identity.hpp"
#include "common/tls/openssl.hpp"

namespace tandem::tls {

using WallTime = std::chrono::sys_seconds;

// All certificates of a text, at least one. Errors: `invalid`, which goes on after the name of a
// file: "holds no certificate in PEM".
Result<std::vector<CertificatePtr>> certificates_in(const std::string& pem);
// Errors: `invalid`, likewise; also for a key with a passphrase, for which nobody can be asked.
Result<KeyPtr> key_in(const std::string& pem);
std::string to_pem(X509* certificate);
std::string to_pem(EVP_PKEY* key);

// The names of a certificate by their types.
struct SubjectNames {
  std::vector<std::string> uris{};
  std::vector<std::string> addresses{};  // numeric
  std::vector<std::string> hosts{};
};
SubjectNames names_of(const X509* certificate);

// Errors: `invalid`, as identity_of() above.
Result<Identity> identity_of(const X509* certificate);

// SHA-256 of the public key (SubjectPublicKeyInfo in DER) in hexadecimal digits, as
// `openssl pkey -pubin -outform der | sha256sum` tells it: what a revocation names.
std::string key_digest(const X509* certificate);

// When it begins and ends to be valid; the beginning of all time when it does not say so.
WallTime begins(const X509* certificate);
WallTime expires(const X509* certificate);
// "2027-01-31 12:00 UTC"
std::string to_string(WallTime time);

}  // namespace tandem::tls
