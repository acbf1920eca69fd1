#include "master/forward/tls/server_contexts.hpp"

#include <array>
#include <chrono>
#include <string_view>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "common/base/assert.hpp"
#include "master/forward/tls/limits.hpp"
#include "master/forward/tls/pem_file.hpp"

namespace tandem::master::tls {

namespace {

constexpr int security_level = 2;

// RFC 9113 §9.2.2 with its appendix A: HTTP/2 over TLS 1.2 wants ephemeral keys and AEAD.
bool is_good_for_http2(const SSL* ssl) {
  if (SSL_version(ssl) >= TLS1_3_VERSION) return true;
  const SSL_CIPHER* cipher = SSL_get_pending_cipher(ssl);
  if (cipher == nullptr || SSL_CIPHER_is_aead(cipher) != 1) return false;
  const int exchange = SSL_CIPHER_get_kx_nid(cipher);
  return exchange == NID_kx_ecdhe || exchange == NID_kx_dhe;
}

void set_rules(SSL_CTX* context) {
  SSL_CTX_set_security_level(context, security_level);
  TANDEM_ASSERT(SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1);
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_dh_auto(context, 1);
  // Sessions are in the clients' tickets alone. One for each connection is as many as its client
  // comes again with; each costs a tenth of a handshake, and OpenSSL would send two.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_timeout(context, static_cast<long>(limits::tls_session_max.count()));
  constexpr std::array<unsigned char, 6> id{'t', 'a', 'n', 'd', 'e', 'm'};
  SSL_CTX_set_session_id_context(context, id.data(), id.size());
}

// The protocol of `offered`, which is a list as RFC 7301 §3.1 has it.
bool offers(std::string_view offered, std::string_view protocol) {
  while (!offered.empty()) {
    const auto size = static_cast<unsigned char>(offered.front());
    if (offered.substr(1, size) == protocol) return true;
    offered.remove_prefix(std::min<std::size_t>(offered.size(), size + 1u));
  }
  return false;
}

}  // namespace

void ServerContexts::Free::operator()(SSL_CTX* context) const { SSL_CTX_free(context); }

ServerContexts::ServerContexts(CertificateSetPtr certificates, bool http2)
    : certificates_(std::move(certificates)), http2_(http2) {}

Result<std::shared_ptr<const ServerContexts>> ServerContexts::make(CertificateSetPtr certificates,
                                                                   bool http2) {
  TANDEM_ASSERT(!certificates->certificates.empty() && certificates->ticket_keys != nullptr);
  std::shared_ptr<ServerContexts> made(new ServerContexts(std::move(certificates), http2));
  if (auto added = made->add_all(); !added) return added.error();
  return std::shared_ptr<const ServerContexts>(std::move(made));
}

Result<> ServerContexts::check(const CertificateSet& certificates) {
  return ServerContexts(std::make_shared<const CertificateSet>(certificates), true).add_all();
}

Result<> ServerContexts::add_all() {
  for (const auto& each : certificates_->certificates) {
    if (auto added = add(each); !added) return added;
  }
  return {};
}

Result<> ServerContexts::add(const Certificate& certificate) {
  ContextPtr context(SSL_CTX_new(TLS_server_method()));
  TANDEM_ASSERT(context != nullptr);
  set_rules(context.get());
  ERR_clear_error();
  bool good = SSL_CTX_use_certificate(context.get(), certificate.own()) == 1 &&
              SSL_CTX_use_PrivateKey(context.get(), certificate.key()) == 1;
  for (X509* const issuer : certificate.issuers()) {
    good = good && SSL_CTX_add1_chain_cert(context.get(), issuer) == 1;
  }
  if (!good) {
    return invalid(fmt::format("--tls: {} cannot be used: {}", certificate.files().certificate,
                               openssl_reason()),
                   "--tls");
  }
  const auto& authority = certificates_->client_authority;
  if (authority != nullptr && !authority->install(context.get())) {
    return invalid(fmt::format("--client-ca: cannot be used: {}", openssl_reason()), "--client-ca");
  }
  if (certificate.staple() != nullptr) {
    SSL_CTX_set_tlsext_status_cb(context.get(), &staple);
    SSL_CTX_set_tlsext_status_arg(context.get(), const_cast<Certificate*>(&certificate));
  }
  if (certificates_->ticket_keys != nullptr) certificates_->ticket_keys->install(context.get());
  SSL_CTX_set_tlsext_servername_callback(context.get(), &choose_certificate);
  SSL_CTX_set_tlsext_servername_arg(context.get(), this);
  SSL_CTX_set_alpn_select_cb(context.get(), &choose_protocol, this);
  for (const auto& name : certificate.names()) names_.add(name, contexts_.size());
  contexts_.push_back(std::move(context));
  return {};
}

SSL* ServerContexts::begin() const {
  SSL* const ssl = SSL_new(contexts_.front().get());
  TANDEM_ASSERT(ssl != nullptr);
  SSL_set_accept_state(ssl);
  return ssl;
}

// `host`: null: the client has named none.
std::size_t ServerContexts::certificate_for(const char* host) const {
  const auto now = std::chrono::system_clock::now();
  const auto& all = certificates_->certificates;
  const auto is_of_time = [&](std::size_t each) { return all[each].is_of_time(now); };
  if (host != nullptr) {
    if (const auto named = names_.find(host, is_of_time)) return *named;
  }
  std::size_t first = 0;
  while (first < all.size() && !is_of_time(first)) ++first;
  return first < all.size() ? first : 0;
}

int ServerContexts::choose_certificate(SSL* ssl, int*, void* context) {
  const auto& self = *static_cast<const ServerContexts*>(context);
  const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  const auto chosen = self.certificate_for(name);
  if (chosen > 0) SSL_set_SSL_CTX(ssl, self.contexts_[chosen].get());
  return name == nullptr ? SSL_TLSEXT_ERR_NOACK : SSL_TLSEXT_ERR_OK;
}

// What a client that asks for it is told of the certificate. One that is over is not sent.
int ServerContexts::staple(SSL* ssl, void* certificate) {
  const auto& staple = *static_cast<const Certificate*>(certificate)->staple();
  if (staple.until() <= std::chrono::system_clock::now()) return SSL_TLSEXT_ERR_NOACK;
  const auto size = staple.bytes().size();
  auto* const copy = static_cast<unsigned char*>(OPENSSL_memdup(staple.bytes().data(), size));
  if (copy == nullptr) return SSL_TLSEXT_ERR_NOACK;
  SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(size));  // which it takes over
  return SSL_TLSEXT_ERR_OK;
}

// RFC 7301 §3.2: what has nothing in common ends with an alert.
int ServerContexts::choose_protocol(SSL* ssl, const unsigned char** out, unsigned char* out_size,
                                    const unsigned char* offered, unsigned offered_size,
                                    void* context) {
  const auto& self = *static_cast<const ServerContexts*>(context);
  const std::string_view list(reinterpret_cast<const char*>(offered), offered_size);
  for (const std::string_view protocol : {"h2", "http/1.1"}) {
    if (protocol == "h2" && (!self.http2_ || !is_good_for_http2(ssl))) continue;
    if (!offers(list, protocol)) continue;
    *out = reinterpret_cast<const unsigned char*>(protocol.data());
    *out_size = static_cast<unsigned char>(protocol.size());
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

}  // namespace tandem::master::tls
