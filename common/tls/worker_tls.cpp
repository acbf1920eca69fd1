#include "common/tls/worker_tls.hpp"

#include <string_view>

#include <fmt/format.h>
#include <openssl/err.h>

#include "common/access/last_day.hpp"
#include "common/base/assert.hpp"
#include "common/base/small_file.hpp"
#include "common/tls/client_context.hpp"
#include "common/tls/kept_session.hpp"
#include "common/tls/limits.hpp"
#include "common/tls/pem.hpp"

namespace tandem::tls {

namespace {

constexpr std::string_view h2 = "\x02h2";
constexpr std::string_view http1 = "\x08http/1.1";

std::string show(SSL_CTX* context, const std::string& files) {
  const auto comma = files.find(',');
  TANDEM_ASSERT(comma != files.npos);
  const auto file = files.substr(0, comma);
  const auto key_file = files.substr(comma + 1);
  const auto text = read_small_file(file, limits::pem_bytes_max);
  if (!text) return fmt::format("upstream_cert: {} {}", file, text.error().message);
  const auto chain = certificates_in(*text);
  if (!chain) return fmt::format("upstream_cert: {} {}", file, chain.error().message);
  const auto key_text = read_private_file(key_file, limits::pem_bytes_max);
  if (!key_text) return fmt::format("upstream_cert: {} {}", key_file, key_text.error().message);
  const auto key = key_in(*key_text);
  if (!key) return fmt::format("upstream_cert: {} {}", key_file, key.error().message);
  bool good = SSL_CTX_use_certificate(context, chain->front().get()) == 1 &&
              SSL_CTX_use_PrivateKey(context, key->get()) == 1;
  for (std::size_t i = 1; i < chain->size(); ++i) {
    good = good && SSL_CTX_add1_chain_cert(context, (*chain)[i].get()) == 1;
  }
  if (good) return {};
  return fmt::format("upstream_cert: {} cannot be used: {}", file, openssl_reason());
}

}  // namespace

std::shared_ptr<const WorkerTls> WorkerTls::load(const WorkerTlsSpec& spec) {
  std::shared_ptr<WorkerTls> loaded(new WorkerTls(spec));
  ERR_clear_error();
  loaded->problem_ = loaded->read();
  ERR_clear_error();
  return loaded;
}

std::shared_ptr<const WorkerTls> WorkerTls::to_member(CurrentCredentialsPtr credentials,
                                                      std::string worker) {
  auto made = to(Kind::worker, std::move(credentials), std::move(worker));
  made->session_ = std::make_shared<KeptSession>();
  return made;
}

std::shared_ptr<const WorkerTls> WorkerTls::to_master(CurrentCredentialsPtr credentials,
                                                      std::string master) {
  return to(Kind::master, std::move(credentials), std::move(master));
}

std::shared_ptr<WorkerTls> WorkerTls::to(Kind kind, CurrentCredentialsPtr credentials,
                                         std::string member) {
  TANDEM_ASSERT(credentials != nullptr);
  std::shared_ptr<WorkerTls> made(new WorkerTls({}));
  made->credentials_ = std::move(credentials);
  made->kind_ = kind;
  made->member_ = std::move(member);
  return made;
}

std::string WorkerTls::read() {
  auto made = client_context(spec_.authority);
  if (!made) return (spec_.authority.empty() ? "" : "upstream_ca: ") + made.error().message;
  context_ = std::move(*made);
  return spec_.certificate.empty() ? std::string() : show(context_.get(), spec_.certificate);
}

SslPtr WorkerTls::begin(const std::string& address, Speaks protocol) const {
  if (!problem_.empty()) return nullptr;
  auto ssl = credentials_ == nullptr ? begin_anew(address) : begin_inside();
  SSL_set_read_ahead(ssl.get(), 1);
  const auto offered = protocol == Speaks::http2 ? h2 : http1;
  SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(offered.data()),
                      static_cast<unsigned>(offered.size()));
  return ssl;
}

SslPtr WorkerTls::begin_inside() const {
  const auto credentials = credentials_->get();
  if (session_ == nullptr) return credentials->begin(Side::calls);
  return credentials->begin_again(session_, access::wall_time());
}

bool WorkerTls::is_prepared() const {
  return session_ == nullptr || session_->can_resume(credentials_->get(), access::wall_time());
}

SslPtr WorkerTls::begin_anew(const std::string& address) const {
  SslPtr ssl(SSL_new(context_.get()));
  TANDEM_ASSERT(ssl != nullptr);
  if (spec_.name.empty()) {
    // RFC 6066 §3: an address is no server name.
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), address.c_str());
  } else {
    SSL_set_tlsext_host_name(ssl.get(), spec_.name.c_str());
    SSL_set_hostflags(ssl.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    SSL_set1_host(ssl.get(), spec_.name.c_str());
  }
  SSL_set_connect_state(ssl.get());
  return ssl;
}

// Addresses and names of hosts do not count inside a cluster: the identity does.
std::string WorkerTls::judge_identity(const SSL* ssl) const {
  if (credentials_ == nullptr) return {};
  const auto identity = identity_of(SSL_get0_peer_certificate(ssl));
  if (!identity) return identity.error().message;
  if (identity->kind == kind_ && identity->name == member_) return {};
  return fmt::format("it is {}, not the {} {}", identity->id(), to_string(kind_), member_);
}

Duration WorkerTls::time_left(const SSL* ssl) {
  const auto* const certificate = SSL_get0_peer_certificate(ssl);
  TANDEM_ASSERT(certificate != nullptr);
  const auto left = expires(certificate) - std::chrono::system_clock::now();
  constexpr std::chrono::hours longest(24 * 365);
  return left > longest ? Duration(longest) : std::chrono::duration_cast<Duration>(left);
}

std::string WorkerTls::judge(SSL* ssl, Speaks protocol, const std::string& failure) const {
  const long verified = SSL_get_verify_result(ssl);
  if (!failure.empty() && verified == X509_V_ERR_APPLICATION_VERIFICATION) {
    return "its certificate is not one of a member of this cluster";
  }
  if (!failure.empty() && verified != X509_V_OK) {
    return fmt::format("its certificate is not accepted: {}",
                       X509_verify_cert_error_string(verified));
  }
  if (!failure.empty()) return fmt::format("no TLS with it: {}", failure);
  if (auto wrong = judge_identity(ssl); !wrong.empty()) return wrong;
  const unsigned char* chosen = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl, &chosen, &size);
  const bool speaks_http2 = size == 2 && chosen[0] == 'h' && chosen[1] == '2';
  if (protocol == Speaks::http2 && !speaks_http2) return "it does not speak HTTP/2 over TLS (ALPN)";
  return {};
}

}  // namespace tandem::tls
