#include "common/client/src/client_tls.hpp"

#include <string_view>

#include <fmt/format.h>
#include <openssl/err.h>

#include "common/base/assert.hpp"
#include "common/tls/client_context.hpp"
#include "common/tls/quiet_socket.hpp"

namespace tandem::client {

Result<std::shared_ptr<const ClientTls>> ClientTls::load(const ClientOptions& options) {
  if (!options.tls) {
    if (options.tls_ca.empty() && options.tls_name.empty()) return ClientTlsPtr();
    return invalid("tls_ca and tls_name say nothing without tls");
  }
  auto context = tls::client_context(options.tls_ca);
  if (!context) return invalid("tls_ca: " + context.error().message);
  std::shared_ptr<ClientTls> loaded(new ClientTls());
  loaded->context_ = std::move(*context);
  loaded->name_ = options.tls_name;
  return ClientTlsPtr(std::move(loaded));
}

tls::SslPtr ClientTls::begin(const Endpoint& master, int socket) const {
  ERR_clear_error();
  tls::SslPtr ssl(SSL_new(context_.get()));
  TANDEM_ASSERT(ssl != nullptr);
  bool is_named = false;
  if (name_.empty() && master.is_numeric()) {
    // RFC 6066 §3: an address is no server name.
    is_named = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), master.host.c_str()) == 1;
  } else {
    const auto& name = name_.empty() ? master.host : name_;
    SSL_set_hostflags(ssl.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    is_named = SSL_set1_host(ssl.get(), name.c_str()) == 1 &&
               SSL_set_tlsext_host_name(ssl.get(), name.c_str()) == 1;
  }
  TANDEM_ASSERT(is_named);  // or anybody's certificate would do
  constexpr std::string_view http1 = "\x08http/1.1";
  SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(http1.data()),
                      static_cast<unsigned>(http1.size()));
  BIO* const stream = tls::quiet_socket(socket);
  SSL_set_bio(ssl.get(), stream, stream);
  SSL_set_connect_state(ssl.get());
  return ssl;
}

std::string why_not_secure(const SSL* ssl) {
  const long verified = SSL_get_verify_result(ssl);
  if (verified != X509_V_OK) {
    ERR_clear_error();
    return fmt::format("its certificate is not accepted: {}",
                       X509_verify_cert_error_string(verified));
  }
  if (ERR_peek_error() == 0) return "the connection ended in the handshake";
  return "no TLS with it: " + tls::openssl_reason();
}

}  // namespace tandem::client
