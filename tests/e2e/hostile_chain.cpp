#include "tests/e2e/hostile_chain.hpp"

#include <stdexcept>

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>

#include "common/tls/pem.hpp"
#include "common/tls/quiet_socket.hpp"

namespace tandem::e2e {

namespace {

constexpr int rsa_bits = 16'384;
constexpr auto master_uri = "URI:spiffe://test/tandem/master/a";

tls::KeyPtr new_key() { return tls::KeyPtr(EVP_EC_gen("P-256")); }

// A public key of which nobody has the other half: to check a signature with it takes long.
tls::KeyPtr huge_key() {
  const std::unique_ptr<BIGNUM, tls::Freed<&BN_free>> modulus(BN_new());
  BN_rand(modulus.get(), rsa_bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD);
  const std::unique_ptr<OSSL_PARAM_BLD, tls::Freed<&OSSL_PARAM_BLD_free>> parts(
      OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(parts.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get());
  OSSL_PARAM_BLD_push_ulong(parts.get(), OSSL_PKEY_PARAM_RSA_E, 65'537);
  const std::unique_ptr<OSSL_PARAM, tls::Freed<&OSSL_PARAM_free>> parameters(
      OSSL_PARAM_BLD_to_param(parts.get()));
  const std::unique_ptr<EVP_PKEY_CTX, tls::Freed<&EVP_PKEY_CTX_free>> context(
      EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* made = nullptr;
  EVP_PKEY_fromdata_init(context.get());
  EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, parameters.get());
  if (made == nullptr) throw std::runtime_error("no key of RSA");
  return tls::KeyPtr(made);
}

struct Wanted {
  std::string subject;
  std::string names = master_uri;  // as OpenSSL's configuration has them
  bool is_authority = false;
  std::string constraints{};
};

void extend(X509* certificate, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const tls::ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  if (extension == nullptr) throw std::runtime_error("no extension " + value.substr(0, 64));
  X509_add_ext(certificate, extension.get(), -1);
}

// Signed with `by`, in the name of `issuer`.
tls::CertificatePtr certificate(const Wanted& wanted, EVP_PKEY* key, const X509_NAME* issuer,
                                EVP_PKEY* by) {
  tls::CertificatePtr made(X509_new());
  X509_set_version(made.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 7);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -3'600);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), 86'400);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(wanted.subject.c_str()), -1, -1,
                             0);
  X509_set_issuer_name(made.get(), issuer == nullptr ? X509_get_subject_name(made.get()) : issuer);
  X509_set_pubkey(made.get(), key);
  extend(made.get(), NID_basic_constraints,
         wanted.is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
  if (!wanted.is_authority) extend(made.get(), NID_ext_key_usage, "clientAuth,serverAuth");
  if (!wanted.names.empty()) extend(made.get(), NID_subject_alt_name, wanted.names);
  if (!wanted.constraints.empty()) extend(made.get(), NID_name_constraints, wanted.constraints);
  X509_sign(made.get(), by, EVP_sha256());
  return made;
}

std::string many(const std::string& word, int number) {
  std::string text;
  for (int i = 0; i < number; ++i) text += fmt::format("{}{}{}", i == 0 ? "" : ",", word, i);
  return text;
}

// A master's, and above it as many authorities as wanted, of which nobody knows the last.
ShownChain long_chain(int authorities, const std::string& constraints = {},
                      const std::string& names = master_uri) {
  std::vector<tls::CertificatePtr> above;
  auto signing = new_key();
  above.push_back(certificate({.subject = "root", .names = {}, .is_authority = true}, signing.get(),
                              nullptr, signing.get()));
  for (int i = 1; i < authorities; ++i) {
    auto key = new_key();
    above.push_back(certificate({.subject = fmt::format("authority {}", i),
                                 .names = {},
                                 .is_authority = true,
                                 .constraints = constraints},
                                key.get(), X509_get_subject_name(above.back().get()),
                                signing.get()));
    signing = std::move(key);
  }
  ShownChain chain{.key = new_key(), .certificates = {}};
  chain.certificates.push_back(certificate({.subject = "a", .names = names}, chain.key.get(),
                                           X509_get_subject_name(above.back().get()),
                                           signing.get()));
  for (auto each = above.rbegin(); each != above.rend(); ++each) {
    chain.certificates.push_back(std::move(*each));
  }
  return chain;
}

tls::CertificatePtr copy(const tls::CertificatePtr& certificate) {
  return tls::CertificatePtr(X509_dup(certificate.get()));
}

}  // namespace

ShownChain shown(const std::string& certificate, const std::string& key) {
  return {.key = tls::key_in(key).value(),
          .certificates = tls::certificates_in(certificate).value()};
}

HostileChains::HostileChains(const std::string& authority, const std::string& certificate,
                             const std::string& key)
    : authority_(std::move(tls::certificates_in(authority).value().front())),
      worker_(std::move(tls::certificates_in(certificate).value().front())),
      worker_key_(std::move(tls::key_in(key).value())) {}

ShownChain HostileChains::genuine() const {
  EVP_PKEY_up_ref(worker_key_.get());
  ShownChain shown{.key = tls::KeyPtr(worker_key_.get()), .certificates = {}};
  shown.certificates.push_back(copy(worker_));
  return shown;
}

std::vector<std::pair<std::string, ShownChain>> HostileChains::all() const {
  std::vector<std::pair<std::string, ShownChain>> chains;
  const auto add = [&](const char* what, ShownChain chain) {
    chains.emplace_back(what, std::move(chain));
  };
  const auto* const authority_name = X509_get_subject_name(authority_.get());
  const auto lone = [&](const Wanted& wanted, const X509_NAME* issuer, EVP_PKEY* by) {
    ShownChain chain{.key = new_key(), .certificates = {}};
    chain.certificates.push_back(
        certificate(wanted, chain.key.get(), issuer, by == nullptr ? chain.key.get() : by));
    return chain;
  };
  add("signed by itself", lone({.subject = "a"}, nullptr, nullptr));
  add("in the authority's name, by another key", lone({.subject = "a"}, authority_name, nullptr));
  auto by_worker = lone({.subject = "a"}, X509_get_subject_name(worker_.get()), worker_key_.get());
  by_worker.certificates.push_back(copy(worker_));
  add("a master's, signed by a worker", std::move(by_worker));
  add("three authorities", long_chain(3));
  add("a hundred authorities", long_chain(100));
  add("authorities with names that they allow and forbid",
      long_chain(4, many("permitted;DNS:a", 400), many("DNS:a", 400)));
  add("a certificate of 300 KiB",
      lone({.subject = "a", .names = many("DNS:a.example", 16'000)}, authority_name, nullptr));
  const auto huge = huge_key();
  auto by_huge = lone({.subject = "a"}, nullptr, nullptr);
  const auto signing = new_key();
  by_huge.certificates.push_back(certificate({.subject = "a", .names = {}, .is_authority = true},
                                             huge.get(), authority_name, signing.get()));
  add("by an authority with a key of 16,384 bits", std::move(by_huge));
  return chains;
}

ShownConnection::ShownConnection(const std::string& address, const ShownChain& shown)
    : context_(SSL_CTX_new(TLS_client_method())),
      socket_(test::RawSocket::connect(
          static_cast<std::uint16_t>(std::stoul(address.substr(address.rfind(':') + 1))))) {
  SSL_CTX_use_certificate(context_.get(), shown.certificates.front().get());
  SSL_CTX_use_PrivateKey(context_.get(), shown.key.get());
  for (std::size_t i = 1; i < shown.certificates.size(); ++i) {
    SSL_CTX_add1_chain_cert(context_.get(), shown.certificates[i].get());
  }
  ssl_.reset(SSL_new(context_.get()));
  BIO* const bio = tls::quiet_socket(socket_.descriptor());
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_connect_state(ssl_.get());
}

bool ShownConnection::is_answered() {
  constexpr std::string_view request = "HEAD /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
  if (SSL_write(ssl_.get(), request.data(), static_cast<int>(request.size())) <= 0) return false;
  std::string head;
  while (head.find("\r\n\r\n") == head.npos) {
    char byte = 0;
    if (SSL_read(ssl_.get(), &byte, 1) <= 0) return false;
    head += byte;
  }
  status_ = head.size() > 12 ? std::atoi(head.c_str() + 9) : 0;
  return true;
}

}  // namespace tandem::e2e
