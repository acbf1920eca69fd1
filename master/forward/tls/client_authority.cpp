#include "master/forward/tls/client_authority.hpp"

#include <array>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "common/access/last_day.hpp"
#include "common/base/assert.hpp"
#include "common/base/log.hpp"
#include "common/base/printable.hpp"
#include "common/tls/openssl.hpp"
#include "common/tls/pem.hpp"
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

std::string subject_of(const X509* certificate) {
  const tandem::tls::BioPtr text(BIO_new(BIO_s_mem()));
  TANDEM_ASSERT(text != nullptr);
  X509_NAME_print_ex(text.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* bytes = nullptr;
  const auto size = BIO_get_mem_data(text.get(), &bytes);
  return printable(std::string_view(bytes, static_cast<std::size_t>(size))
                       .substr(0, limits::client_subject_bytes_max));
}

// An authority, or one that stands for itself.
bool can_vouch(X509* certificate) {
  return X509_check_ca(certificate) != 0 ||
         (X509_get_extension_flags(certificate) & EXFLAG_SS) != 0;
}

// Its clients are refused, and it may be that it was forgotten in the file.
void warn_of_expired(const std::string& file, const X509* certificate) {
  const auto end = tandem::tls::expires(certificate);
  if (end > access::wall_time()) return;
  log::warn("authority of clients has expired file={} subject=\"{}\" until=\"{}\"", file,
            subject_of(certificate), tandem::tls::to_string(end));
}

}  // namespace

Result<ClientAuthorityPtr> ClientAuthority::load(const ClientAuthoritySpec& spec) {
  if (spec.file.empty()) return ClientAuthorityPtr();
  auto certificates = read_certificates(spec.file, "--client-ca");
  if (!certificates) return certificates.error();
  for (const auto& each : *certificates) {
    if (!can_vouch(each.get())) {
      return refuse_file("--client-ca", spec.file,
                         fmt::format("holds a certificate that is none of an authority: {}",
                                     subject_of(each.get())));
    }
    warn_of_expired(spec.file, each.get());
  }
  std::shared_ptr<ClientAuthority> loaded(new ClientAuthority);
  loaded->certificates_ = std::move(*certificates);
  loaded->required_ = spec.required;
  loaded->session_context_ = session_context_of(loaded->certificates_, spec.required);
  return ClientAuthorityPtr(std::move(loaded));
}

bool ClientAuthority::install(SSL_CTX* context) const {
  ERR_clear_error();
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  // An operator's own authority may be one that another has signed.
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
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
