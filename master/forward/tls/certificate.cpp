#include "master/forward/tls/certificate.hpp"

#include <arpa/inet.h>

#include <array>
#include <optional>

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "common/base/small_file.hpp"
#include "common/tls/openssl.hpp"
#include "master/forward/tls/limits.hpp"
#include "master/forward/tls/name_table.hpp"
#include "master/forward/tls/pem_file.hpp"

namespace tandem::master::tls {

namespace {

using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free_all)>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)>;

constexpr std::string_view flag = "--tls";

Error refuse(const std::string& file, std::string_view why) { return refuse_file(flag, file, why); }

BioPtr bytes_of(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free_all};
}

// Nobody is asked for a passphrase.
int no_passphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

Result<std::shared_ptr<EVP_PKEY>> read_key(const std::string& file) {
  const auto content = read_private_file(file, limits::certificate_bytes_max);
  if (!content) return refuse(file, content.error().message);
  if (content->empty()) return refuse(file, "is empty");
  const auto bytes = bytes_of(*content);
  bool asked = false;
  ERR_clear_error();
  EVP_PKEY* const key = PEM_read_bio_PrivateKey(bytes.get(), nullptr, &no_passphrase, &asked);
  const auto reason = openssl_reason();
  if (asked) return refuse(file, "has a passphrase: a master has nobody to ask for it");
  if (key == nullptr) return refuse(file, fmt::format("holds no private key in PEM: {}", reason));
  return std::shared_ptr<EVP_PKEY>(key, &EVP_PKEY_free);
}

std::string address_text(const ASN1_OCTET_STRING* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool v6 = ASN1_STRING_length(address) == 16;
  if (!v6 && ASN1_STRING_length(address) != 4) return "?";
  inet_ntop(v6 ? AF_INET6 : AF_INET, ASN1_STRING_get0_data(address), text.data(), text.size());
  return text.data();
}

// RFC 9110 §4.3.4: the names of the extension; where there is none, the common name, as old
// certificates have it.
std::vector<std::string> names_of(X509* certificate) {
  std::vector<std::string> names;
  const NamesPtr all(static_cast<GENERAL_NAMES*>(
                         X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
                     &GENERAL_NAMES_free);
  for (int i = 0; all != nullptr && i < sk_GENERAL_NAME_num(all.get()); ++i) {
    const auto* name = sk_GENERAL_NAME_value(all.get(), i);
    if (name->type == GEN_DNS)
      names.push_back(canonical_name(tandem::tls::text_of(name->d.dNSName)));
    if (name->type == GEN_IPADD) names.push_back(address_text(name->d.iPAddress));
  }
  if (!names.empty()) return names;
  const auto* subject = X509_get_subject_name(certificate);
  const int place = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (place >= 0) {
    const auto* entry = X509_NAME_get_entry(subject, place);
    names.push_back(canonical_name(tandem::tls::text_of(X509_NAME_ENTRY_get_data(entry))));
  }
  return names;
}

}  // namespace

Result<CertificateFiles> parse_certificate_files(std::string_view text, std::string_view named) {
  const auto comma = text.find(',');
  if (comma == text.npos || comma == 0 || comma + 1 == text.size() ||
      text.find(',', comma + 1) != text.npos) {
    return invalid(
        fmt::format("{} must be CERTIFICATE.pem,KEY.pem, not \"{}\"", named, text.substr(0, 128)));
  }
  return CertificateFiles{std::string(text.substr(0, comma)), std::string(text.substr(comma + 1))};
}

std::vector<X509*> Certificate::issuers() const {
  std::vector<X509*> issuers;
  for (std::size_t i = 1; i < chain_.size(); ++i) issuers.push_back(chain_[i].get());
  return issuers;
}

Result<Certificate> Certificate::load(const CertificateFiles& files, Time now) {
  Certificate loaded;
  loaded.files_ = files;
  auto chain = read_certificates(files.certificate, flag);
  if (!chain) return chain.error();
  loaded.chain_ = std::move(*chain);
  auto key = read_key(files.key);
  if (!key) return key.error();
  loaded.key_ = std::move(*key);
  const bool belongs = X509_check_private_key(loaded.own(), loaded.key()) == 1;
  ERR_clear_error();
  if (!belongs) {
    return refuse(files.key,
                  fmt::format("is not the key of the certificate in {}", files.certificate));
  }
  const auto begins = tandem::tls::time_of(X509_get0_notBefore(loaded.own()));
  const auto expires = tandem::tls::time_of(X509_get0_notAfter(loaded.own()));
  if (!begins || !expires) return refuse(files.certificate, "has no valid dates");
  loaded.begins_ = *begins;
  loaded.expires_ = *expires;
  loaded.staple_ =
      OcspStaple::load(files.certificate + ".ocsp", loaded.own(), loaded.issuers(), now);
  loaded.names_ = names_of(loaded.own());
  if (loaded.names_.empty()) return refuse(files.certificate, "names no host");
  if (loaded.names_.size() > limits::certificate_names_max) {
    return refuse(files.certificate,
                  fmt::format("has more than {} names", limits::certificate_names_max));
  }
  return loaded;
}

}  // namespace tandem::master::tls
