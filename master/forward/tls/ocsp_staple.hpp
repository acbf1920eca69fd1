// ocsp_staple.hpp: an authority's word that a certificate was not revoked (RFC 6960), which clients
// are shown with it (RFC 6066 §8), so that they need not ask the authority.
//
// It lies beside the certificate, in CERTIFICATE.pem.ocsp, as DER; certbot, `openssl ocsp -respout`
// and others write it there, and it is read when the certificate is. A staple that is not about
// this certificate, not signed by its authority, not good, or not of this time is never sent:
// clients would take the connection for an attack. Immutable, shared by all loops.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <openssl/types.h>

namespace tandem::master::tls {

class OcspStaple {
 public:
  using Time = std::chrono::system_clock::time_point;

  // Null: there is no such file, or what is there cannot be used, which is logged then.
  static std::shared_ptr<const OcspStaple> load(const std::string& file, X509* certificate,
                                                const std::vector<X509*>& issuers, Time now);

  // DER.
  const std::string& bytes() const { return bytes_; }
  // It holds until then.
  Time until() const { return until_; }

 private:
  OcspStaple(std::string bytes, Time until) : bytes_(std::move(bytes)), until_(until) {}

  const std::string bytes_;
  const Time until_;
};

}  // namespace tandem::master::tls
