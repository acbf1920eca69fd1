#include "common/tls/authority.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#include "common/base/assert.hpp"
#include "common/base/endpoint.hpp"

namespace tandem::tls {

namespace {

using namespace std::chrono_literals;

constexpr auto clock_allowance = 1h;
constexpr int serial_bits = 127;  // positive, and at most 20 bytes (RFC 5280 §4.1.2.2)

void add_entry(X509_NAME* name, const char* field, const std::string& text) {
  TANDEM_ASSERT(X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                           reinterpret_cast<const unsigned char*>(text.data()),
                                           static_cast<int>(text.size()), -1, 0) == 1);
}

// `value` as OpenSSL's configuration has it: x509v3_config(5).
void extend(X509* certificate, X509* issuer, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value));
  TANDEM_ASSERT(extension != nullptr);
  TANDEM_ASSERT(X509_add_ext(certificate, extension.get(), -1) == 1);
}

void add_name(GENERAL_NAMES* names, int type, ASN1_STRING* value) {
  TANDEM_ASSERT(value != nullptr);
  GENERAL_NAME* const name = GENERAL_NAME_new();
  GENERAL_NAME_set0_value(name, type, value);
  TANDEM_ASSERT(sk_GENERAL_NAME_push(names, name) > 0);
}

ASN1_STRING* ia5(const std::string& text) {
  ASN1_STRING* const value = ASN1_IA5STRING_new();
  TANDEM_ASSERT(ASN1_STRING_set(value, text.data(), static_cast<int>(text.size())) == 1);
  return value;
}

void set_names(X509* certificate, const std::vector<std::string>& uris,
               const std::vector<std::string>& hosts, const std::vector<std::string>& addresses) {
  const NamesPtr names(GENERAL_NAMES_new());
  for (const auto& uri : uris) add_name(names.get(), GEN_URI, ia5(uri));
  for (const auto& host : hosts) add_name(names.get(), GEN_DNS, ia5(host));
  for (const auto& address : addresses) {
    add_name(names.get(), GEN_IPADD, a2i_IPADDRESS(address.c_str()));
  }
  TANDEM_ASSERT(X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, 0) == 1);
}

CertificatePtr begin(EVP_PKEY* key, const std::string& cluster, std::string_view unit,
                     const std::string& name, WallTime now, WallTime until) {
  CertificatePtr certificate(X509_new());
  TANDEM_ASSERT(certificate != nullptr && X509_set_version(certificate.get(), X509_VERSION_3) == 1);
  const std::unique_ptr<BIGNUM, Freed<&BN_free>> serial(BN_new());
  TANDEM_ASSERT(BN_rand(serial.get(), serial_bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1);
  BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate.get()));
  const auto set = [](ASN1_TIME* time, WallTime at) {
    TANDEM_ASSERT(ASN1_TIME_set(time, std::chrono::system_clock::to_time_t(at)) != nullptr);
  };
  set(X509_getm_notBefore(certificate.get()), now - clock_allowance);
  set(X509_getm_notAfter(certificate.get()), until);
  auto* const subject = X509_get_subject_name(certificate.get());
  add_entry(subject, "O", cluster);
  if (!unit.empty()) add_entry(subject, "OU", std::string(unit));
  add_entry(subject, "CN", name);
  TANDEM_ASSERT(X509_set_pubkey(certificate.get(), key) == 1);
  return certificate;
}

void sign(X509* certificate, const X509* issuer, EVP_PKEY* key) {
  TANDEM_ASSERT(X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1);
  TANDEM_ASSERT(X509_sign(certificate, key, EVP_sha256()) > 0);
}

KeyPtr new_key() {
  KeyPtr key(EVP_EC_gen("P-256"));
  TANDEM_ASSERT(key != nullptr);
  return key;
}

}  // namespace

Issued new_authority(const std::string& cluster, std::chrono::days lifetime, WallTime now) {
  const auto key = new_key();
  const auto until = now + lifetime;
  const auto certificate =
      begin(key.get(), cluster, "", fmt::format("{} cluster authority", cluster).substr(0, 64), now,
            until);
  auto* const x509 = certificate.get();
  extend(x509, x509, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  extend(x509, x509, NID_key_usage, "critical,keyCertSign,cRLSign");
  extend(x509, x509, NID_subject_key_identifier, "hash");
  set_names(x509, {authority_uri(cluster)}, {}, {});
  sign(x509, x509, key.get());
  return {to_pem(x509), to_pem(key.get()), until};
}

Result<Issued> issue(const std::string& authority_pem, const std::string& authority_key_pem,
                     Identity identity, std::chrono::days lifetime, WallTime now) {
  const auto authorities = certificates_in(authority_pem);
  if (!authorities) return invalid("the authority's file " + authorities.error().message);
  auto* const authority = authorities->front().get();
  const auto authority_key = key_in(authority_key_pem);
  if (!authority_key) {
    return invalid("the authority's key file " + authority_key.error().message);
  }
  if (X509_check_private_key(authority, authority_key->get()) != 1) {
    ERR_clear_error();
    return invalid("the authority's key is not that of its certificate");
  }
  for (const auto& uri : names_of(authority).uris) {
    if (auto cluster = cluster_of(uri); !cluster.empty()) identity.cluster = std::move(cluster);
  }
  if (identity.cluster.empty()) {
    return invalid("the authority has no name spiffe://CLUSTER: it is of no cluster");
  }
  const auto uris = uris_of(identity);
  if (!uris) return uris.error();
  const auto until = now + lifetime;
  if (until > expires(authority)) {
    return invalid(fmt::format(
        "the authority ends on {}, before this certificate would: issue it for fewer days, or make "
        "a new authority",
        to_string(expires(authority))));
  }
  for (const auto& address : identity.addresses) {
    if (!Endpoint{address, 0}.is_numeric()) {
      return invalid(fmt::format("{} is no numeric address", address));
    }
  }
  const auto key = new_key();
  const auto certificate =
      begin(key.get(), identity.cluster, to_string(identity.kind), identity.name, now, until);
  auto* const x509 = certificate.get();
  const bool also_serves = identity.kind != Kind::operator_;
  extend(x509, authority, NID_basic_constraints, "critical,CA:FALSE");
  extend(x509, authority, NID_key_usage, "critical,digitalSignature");
  extend(x509, authority, NID_ext_key_usage, also_serves ? "serverAuth,clientAuth" : "clientAuth");
  extend(x509, authority, NID_subject_key_identifier, "hash");
  extend(x509, authority, NID_authority_key_identifier, "keyid:always");
  set_names(x509, *uris, identity.hosts, identity.addresses);
  sign(x509, authority, authority_key->get());
  return Issued{to_pem(x509), to_pem(key.get()), until};
}

}  // namespace tandem::tls
