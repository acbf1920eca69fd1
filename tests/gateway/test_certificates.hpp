// test_certificates.hpp: certificates as an operator has them, in files, made for one test.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "master/forward/tls/certificate.hpp"
#include "master/forward/tls/server_contexts.hpp"

namespace tandem::test {

// A directory for the length of a test.
class CertificateDirectory {
 public:
  CertificateDirectory();
  ~CertificateDirectory();
  CertificateDirectory(const CertificateDirectory&) = delete;
  CertificateDirectory& operator=(const CertificateDirectory&) = delete;

  struct Kind {
    int days = 90;             // that it is valid for; negative: it has expired
    int days_until_valid = 0;  // before which it is not
    unsigned rsa_bits = 0;     // 0: P-256
    std::string passphrase{};  // of the key; empty: none
    bool is_authority = false;
    std::string issuer{};  // the file of who signs it; empty: itself
  };
  // A self-signed certificate for these names, in NAME.pem, and its key, in NAME.key.
  master::tls::CertificateFiles make(const std::string& file, const std::vector<std::string>& names,
                                     const Kind& kind);
  master::tls::CertificateFiles make(const std::string& file,
                                     const std::vector<std::string>& names) {
    return make(file, names, Kind());
  }
  std::string path(const std::string& file) const { return (directory_ / file).string(); }
  // Replaces the file's content.
  void write(const std::string& file, const std::string& content) const;

 private:
  std::filesystem::path directory_;
};

// What a master loads from those files; throws when they are refused.
master::tls::CertificateSetPtr load(const std::vector<master::tls::CertificateFiles>& files,
                                    const master::tls::ClientAuthoritySpec& clients = {});
std::shared_ptr<const master::tls::TicketKeys> some_ticket_keys();
// One for "example.org", made at its first use and kept for the whole program.
const master::tls::CertificateSetPtr& some_certificate();

}  // namespace tandem::test
