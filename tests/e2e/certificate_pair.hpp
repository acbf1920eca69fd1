// certificate_pair.hpp: a certificate that an operator has made with openssl(1), and its key.
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>

#include "tests/e2e/harness/process.hpp"
#include "tests/e2e/harness/temp_dir.hpp"

namespace tandem::e2e {

// A self-signed certificate and its key, as openssl(1) makes them.
class CertificatePair {
 public:
  CertificatePair(const TempDir& dir, const std::string& name)
      : certificate_(dir.path(name + ".pem")), key_(dir.path(name + ".key")) {
    make("localhost", 90);
  }
  // Another one in the same files.
  void make(const std::string& host, int days) const {
    const auto made =
        run({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-keyout", key_, "-out", certificate_, "-days", std::to_string(days),
             "-subj", "/CN=" + host, "-addext", "subjectAltName=DNS:" + host});
    if (made.status != 0) throw std::runtime_error(made.errors);
    std::filesystem::permissions(
        key_, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }
  std::string flag() const { return certificate_ + "," + key_; }
  const std::string& certificate() const { return certificate_; }
  const std::string& key() const { return key_; }

 private:
  std::string certificate_;
  std::string key_;
};

}  // namespace tandem::e2e
