#include "common/tls/client_context.hpp"

#include <fmt/format.h>

#include "common/base/assert.hpp"
#include "common/base/small_file.hpp"
#include "common/tls/limits.hpp"
#include "common/tls/pem.hpp"

namespace tandem::tls {

namespace {

Result<> add_authorities(SSL_CTX* context, const std::string& file) {
  const auto text = read_small_file(file, limits::authorities_bytes_max);
  if (!text) return invalid(fmt::format("{} {}", file, text.error().message));
  const auto certificates = certificates_in(*text);
  if (!certificates) return invalid(fmt::format("{} {}", file, certificates.error().message));
  for (const auto& each : *certificates) {
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), each.get()) != 1) {
      return invalid(fmt::format("{} cannot be used: {}", file, openssl_reason()));
    }
  }
  return {};
}

}  // namespace

Result<ContextPtr> client_context(const std::string& authorities) {
  ContextPtr made(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* const context = made.get();
  TANDEM_ASSERT(context != nullptr);
  SSL_CTX_set_security_level(context, 2);
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (!authorities.empty()) {
    if (auto added = add_authorities(context, authorities); !added) return added.error();
  } else if (SSL_CTX_set_default_verify_paths(context) != 1) {
    return invalid("the system has no authorities");
  }
  return made;
}

}  // namespace tandem::tls
