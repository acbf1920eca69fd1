// private_authority.hpp: an authority that an operator has made with openssl(1), and what it
// issues: certificates and answers of OCSP.
#pragma once

#include <string>
#include <vector>

#include "tests/e2e/harness/process.hpp"
#include "tests/e2e/harness/temp_dir.hpp"

namespace tandem::e2e {

class PrivateAuthority {
 public:
  PrivateAuthority(const TempDir& dir, const std::string& name);

  struct Issued {
    std::string certificate;  // files; the certificate without its authority's
    std::string key;
    std::string flag() const { return certificate + "," + key; }
  };
  // `names`: as subjectAltName has them, "DNS:a,URI:spiffe://b/c". `days`: negative: it has
  // expired.
  Issued issue(const std::string& name, const std::string& names, int days = 30) const;
  // Writes the authority's word on a certificate into `file`: "V" for valid, "R" for revoked.
  void say(const Issued& about, const std::string& standing, const std::string& file,
           int minutes = 60) const;
  const std::string& certificate() const { return certificate_; }

 private:
  const TempDir& dir_;
  std::string name_;
  std::string certificate_;
  std::string key_;
};

}  // namespace tandem::e2e
