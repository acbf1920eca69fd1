// certificate.hpp: a certificate with its chain and its key, read from the files of --tls and
// checked, so that what is wrong with it is known before any client asks for it.
//
// Immutable once loaded, and shared by all loops: OpenSSL counts who has a part of it. No sentence
// of an error quotes what a file holds.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/types.h>

#include "common/base/result.hpp"
#include "master/forward/tls/ocsp_staple.hpp"

namespace tandem::master::tls {

// As --tls has it: CERTIFICATE,KEY.
struct CertificateFiles {
  std::string certificate;  // PEM: the server's own first, then those that lead to its authority
  std::string key;          // PEM, without a passphrase
};

// Errors: `invalid`, naming `flag`.
Result<CertificateFiles> parse_certificate_files(std::string_view text, std::string_view flag);

class Certificate {
 public:
  using Time = std::chrono::system_clock::time_point;

  // Errors, with the file: it cannot be read, is longer than limits::certificate_bytes_max, holds
  // no certificate or no key that can be used, the two do not belong together, it names no host.
  // One that has expired, or is not valid yet, is loaded. A staple that is of no use is logged, and
  // left out.
  static Result<Certificate> load(const CertificateFiles& files, Time now);

  const CertificateFiles& files() const { return files_; }
  // Hosts that it is for, canonical, wildcards as they are; at least one.
  const std::vector<std::string>& names() const { return names_; }
  Time begins() const { return begins_; }
  Time expires() const { return expires_; }
  bool is_of_time(Time now) const { return begins_ <= now && now < expires_; }

  X509* own() const { return chain_.front().get(); }
  // Behind its own.
  std::vector<X509*> issuers() const;
  EVP_PKEY* key() const { return key_.get(); }
  // Null: there is none that clients could be shown.
  const std::shared_ptr<const OcspStaple>& staple() const { return staple_; }

 private:
  Certificate() = default;

  CertificateFiles files_;
  std::vector<std::shared_ptr<X509>> chain_;
  std::shared_ptr<EVP_PKEY> key_;
  std::shared_ptr<const OcspStaple> staple_;
  std::vector<std::string> names_;
  Time begins_;
  Time expires_;
};

}  // namespace tandem::master::tls
