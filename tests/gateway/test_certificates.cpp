#include "test_certificates.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <stdexcept>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

namespace tandem::test {

using namespace tandem::master;

namespace {

constexpr long day = 24 * 60 * 60;

void must(bool done) {
  if (!done) throw std::runtime_error("cannot make a certificate");
}

using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using X509Ptr = std::unique_ptr<X509, decltype(&X509_free)>;

KeyPtr make_key(unsigned rsa_bits) {
  return {rsa_bits == 0 ? EVP_EC_gen("P-256") : EVP_RSA_gen(rsa_bits), &EVP_PKEY_free};
}

template <class Object>
std::unique_ptr<Object, void (*)(Object*)> read(const std::string& file,
                                                Object* (*reader)(std::FILE*, Object**,
                                                                  pem_password_cb*, void*),
                                                void (*free)(Object*)) {
  std::FILE* const in = std::fopen(file.c_str(), "r");
  must(in != nullptr);
  std::unique_ptr<Object, void (*)(Object*)> object(reader(in, nullptr, nullptr, nullptr), free);
  std::fclose(in);
  must(object != nullptr);
  return object;
}

void add_names(X509* certificate, const std::vector<std::string>& names) {
  auto* const subject = X509_get_subject_name(certificate);
  const auto* common = reinterpret_cast<const unsigned char*>(names.front().c_str());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, common, -1, -1, 0);
  must(X509_set_issuer_name(certificate, subject) == 1);
  std::string list;
  for (const auto& name : names) {
    const auto* const kind = name.find("://") == name.npos ? "DNS:" : "URI:";
    list += (list.empty() ? "" : ",") + (kind + name);
  }
  auto* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, list.c_str());
  must(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

}  // namespace

CertificateDirectory::CertificateDirectory() {
  auto pattern = (std::filesystem::temp_directory_path() / "tandem-tls-XXXXXX").string();
  must(::mkdtemp(pattern.data()) != nullptr);
  directory_ = pattern;
}

CertificateDirectory::~CertificateDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void CertificateDirectory::write(const std::string& file, const std::string& content) const {
  std::ofstream(path(file), std::ios::trunc) << content;
  ::chmod(path(file).c_str(), 0600);
}

master::tls::CertificateFiles CertificateDirectory::make(const std::string& file,
                                                         const std::vector<std::string>& names,
                                                         const Kind& kind) {
  static std::atomic<long> serial{1};
  const auto key = make_key(kind.rsa_bits);
  const X509Ptr certificate(X509_new(), &X509_free);
  must(key != nullptr && certificate != nullptr);
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), kind.days_until_valid * day - 2 * day);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), kind.days * day + 60);
  if (kind.days_until_valid > 0) {
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), kind.days_until_valid * day);
  }
  X509_set_pubkey(certificate.get(), key.get());
  add_names(certificate.get(), names);
  if (kind.is_authority) {
    auto* const extension =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_basic_constraints, "critical,CA:TRUE");
    must(extension != nullptr && X509_add_ext(certificate.get(), extension, -1) == 1);
    X509_EXTENSION_free(extension);
  }
  if (kind.issuer.empty()) {
    must(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0);
  } else {
    const auto issuer = read<X509>(path(kind.issuer + ".pem"), &PEM_read_X509, &X509_free);
    const auto by =
        read<EVP_PKEY>(path(kind.issuer + ".key"), &PEM_read_PrivateKey, &EVP_PKEY_free);
    X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer.get()));
    must(X509_sign(certificate.get(), by.get(), EVP_sha256()) > 0);
  }
  const master::tls::CertificateFiles files{path(file + ".pem"), path(file + ".key")};
  std::FILE* out = std::fopen(files.certificate.c_str(), "w");
  must(out != nullptr && PEM_write_X509(out, certificate.get()) == 1);
  std::fclose(out);
  out = std::fopen(files.key.c_str(), "w");
  const auto& secret = kind.passphrase;
  must(out != nullptr &&
       PEM_write_PKCS8PrivateKey(out, key.get(), secret.empty() ? nullptr : EVP_aes_128_cbc(),
                                 secret.empty() ? nullptr : secret.data(),
                                 static_cast<int>(secret.size()), nullptr, nullptr) == 1);
  std::fclose(out);
  ::chmod(files.key.c_str(), 0600);
  return files;
}

master::tls::CertificateSetPtr load(const std::vector<master::tls::CertificateFiles>& files,
                                    const master::tls::ClientAuthoritySpec& clients) {
  auto set = std::make_shared<master::tls::CertificateSet>();
  for (const auto& each : files) {
    auto loaded = master::tls::Certificate::load(each, std::chrono::system_clock::now());
    if (!loaded) throw std::runtime_error(loaded.error().message);
    set->certificates.push_back(std::move(*loaded));
  }
  set->ticket_keys = some_ticket_keys();
  auto authority = master::tls::ClientAuthority::load(clients);
  if (!authority) throw std::runtime_error(authority.error().message);
  set->client_authority = std::move(*authority);
  return set;
}

std::shared_ptr<const master::tls::TicketKeys> some_ticket_keys() {
  return master::tls::TicketKeys::make(
      master::tls::TicketRing::make(std::chrono::system_clock::now()));
}

const master::tls::CertificateSetPtr& some_certificate() {
  static const master::tls::CertificateSetPtr set = [] {
    CertificateDirectory directory;
    return load({directory.make("some", {"example.org"})});
  }();
  return set;
}

}  // namespace tandem::test
