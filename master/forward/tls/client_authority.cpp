#include "master/forward/tls/client_authority.hpp"

#include <array>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "common/base/assert.hpp"
#include "master/forward/tls/limits.hpp"
#include "master/forward/tls/pem_file.hpp"

namespace tandem::master::tls {

namespace {

// Another one for each set of authorities, and for whether a certificate is required.
std::string session_context_of(const std::vector<std::shared_ptr<X509>>& certificates,
                               bool required) {
  std::string all(required ? "required" : "optional");
  for (const auto& each : certificates) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
    unsigned size = 0;
    TANDEM_ASSERT(X509_digest(each.get(), EVP_sha256(), hash.data(), &size) == 1);
    all.append(reinterpret_cast<const char*>(hash.data()), size);
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned size = 0;
  TANDEM_ASSERT(EVP_Digest(all.data(), all.size(), hash.data(), &size, EVP_sha256(), nullptr) == 1);
  static_assert(SSL_MAX_SID_CTX_LENGTH >= 32);
  return {reinterpret_cast<const char*>(hash.data()), size};
}

}  // namespace

Result<ClientAuthorityPtr> ClientAuthority::load(const ClientAuthoritySpec& spec) {
  if (spec.file.empty()) return ClientAuthorityPtr();
  auto certificates = read_certificates(spec.file, "--client-ca");
  if (!certificates) return certificates.error();
  std::shared_ptr<ClientAuthority> loaded(new ClientAuthority);
  loaded->certificates_ = std::move(*certificates);
  loaded->required_ = spec.required;
  loaded->session_context_ = session_context_of(loaded->certificates_, spec.required);
  return ClientAuthorityPtr(std::move(loaded));
}

bool ClientAuthority::install(SSL_CTX* context) const {
  ERR_clear_error();
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  for (const auto& each : certificates_) {
    if (X509_STORE_add_cert(store, each.get()) != 1) return false;
    if (SSL_CTX_add_client_CA(context, each.get()) != 1) return false;
  }
  SSL_CTX_set_verify(
      context, required_ ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_PEER,
      nullptr);
  SSL_CTX_set_verify_depth(context, limits::client_chain_max);
  SSL_CTX_set_max_cert_list(context, static_cast<long>(limits::client_chain_bytes_max));
  return SSL_CTX_set_session_id_context(
             context, reinterpret_cast<const unsigned char*>(session_context_.data()),
             static_cast<unsigned>(session_context_.size())) == 1;
}

}  // namespace tandem::master::tls
