#include "common/tls/pem.hpp"

#include <arpa/inet.h>

#include <array>
#include <ctime>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "common/base/assert.hpp"
#include "common/base/secret.hpp"

namespace tandem::tls {

namespace {

BioPtr bytes_of(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string text_in(BIO* bio) {
  char* bytes = nullptr;
  const auto size = BIO_get_mem_data(bio, &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

int no_passphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

std::string address_text(const ASN1_OCTET_STRING* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool v6 = ASN1_STRING_length(address) == 16;
  if (!v6 && ASN1_STRING_length(address) != 4) return {};
  inet_ntop(v6 ? AF_INET6 : AF_INET, ASN1_STRING_get0_data(address), text.data(), text.size());
  return text.data();
}

}  // namespace

std::string openssl_reason() {
  const auto error = ERR_peek_last_error();
  const char* text = ERR_reason_error_string(error);
  ERR_clear_error();
  return text != nullptr ? text : "unknown error";
}

Result<std::vector<CertificatePtr>> certificates_in(const std::string& pem) {
  const auto bytes = bytes_of(pem);
  std::vector<CertificatePtr> all;
  ERR_clear_error();
  while (X509* const each = PEM_read_bio_X509(bytes.get(), nullptr, nullptr, nullptr)) {
    all.emplace_back(each);
  }
  const auto last = ERR_peek_last_error();
  const bool ended =
      ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
  const auto reason = openssl_reason();
  if (!ended) return invalid(fmt::format("holds a broken certificate: {}", reason));
  if (all.empty()) return invalid("holds no certificate in PEM");
  return all;
}

Result<KeyPtr> key_in(const std::string& pem) {
  const auto bytes = bytes_of(pem);
  bool asked = false;
  ERR_clear_error();
  KeyPtr key(PEM_read_bio_PrivateKey(bytes.get(), nullptr, &no_passphrase, &asked));
  const auto reason = openssl_reason();
  if (asked) return invalid("has a passphrase, for which nobody can be asked");
  if (key == nullptr) return invalid(fmt::format("holds no private key in PEM: {}", reason));
  return key;
}

std::string to_pem(X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  TANDEM_ASSERT(PEM_write_bio_X509(bio.get(), certificate) == 1);
  return text_in(bio.get());
}

std::string to_pem(EVP_PKEY* key) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  TANDEM_ASSERT(
      PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return text_in(bio.get());
}

SubjectNames names_of(const X509* certificate) {
  SubjectNames names;
  const NamesPtr all(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; all != nullptr && i < sk_GENERAL_NAME_num(all.get()); ++i) {
    const auto* name = sk_GENERAL_NAME_value(all.get(), i);
    if (name->type == GEN_URI) names.uris.emplace_back(text_of(name->d.uniformResourceIdentifier));
    if (name->type == GEN_DNS) names.hosts.emplace_back(text_of(name->d.dNSName));
    if (name->type == GEN_IPADD) names.addresses.push_back(address_text(name->d.iPAddress));
  }
  ERR_clear_error();
  return names;
}

Result<Identity> identity_of(const X509* certificate) {
  auto names = names_of(certificate);
  auto identity = identity_of(names.uris, std::move(names.addresses));
  if (identity) identity->hosts = std::move(names.hosts);
  return identity;
}

std::string key_digest(const X509* certificate) {
  unsigned char* bytes = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &bytes);
  TANDEM_ASSERT(size > 0);
  const std::unique_ptr<unsigned char, Freed<[](void* p) { OPENSSL_free(p); }>> owned(bytes);
  return digest({reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)});
}

std::string_view text_of(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

std::optional<std::chrono::system_clock::time_point> time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

WallTime begins(const X509* certificate) {
  const auto told = time_of(X509_get0_notBefore(certificate));
  return told ? std::chrono::floor<std::chrono::seconds>(*told) : WallTime{};
}

WallTime expires(const X509* certificate) {
  const auto told = time_of(X509_get0_notAfter(certificate));
  return told ? std::chrono::floor<std::chrono::seconds>(*told) : WallTime{};
}

std::string to_string(WallTime time) {
  return fmt::format("{:%Y-%m-%d %H:%M} UTC",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

}  // namespace tandem::tls
