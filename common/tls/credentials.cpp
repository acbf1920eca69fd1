#include "common/tls/credentials.hpp"

#include <algorithm>
#include <array>
#include <sstream>

#include <fmt/format.h>
#include <openssl/err.h>

#include "common/base/ascii.hpp"
#include "common/base/assert.hpp"
#include "common/base/small_file.hpp"
#include "common/tls/kept_session.hpp"
#include "common/tls/limits.hpp"
#include "common/tls/quiet_socket.hpp"
#include "common/tls/shown_chain.hpp"

namespace tandem::tls {

namespace {

constexpr const char* authority_flag = "--cluster-ca";
constexpr const char* certificate_flag = "--cluster-cert";
constexpr const char* key_flag = "--cluster-key";
constexpr const char* revoked_flag = "--cluster-revoked";
constexpr std::size_t digest_digits = 64;
constexpr int security_level = 2;

Error refuse(const char* flag, const std::string& file, std::string_view why) {
  return invalid(fmt::format("{}: {} {}", flag, file, why), flag);
}

Result<std::vector<CertificatePtr>> read_certificates(const char* flag, const std::string& file) {
  const auto pem = read_small_file(file, limits::pem_bytes_max);
  if (!pem) return refuse(flag, file, pem.error().message);
  auto all = certificates_in(*pem);
  if (!all) return refuse(flag, file, all.error().message);
  return all;
}

CertificateStack stack_of(const std::vector<CertificatePtr>& certificates) {
  CertificateStack all(sk_X509_new_null());
  for (const auto& each : certificates) {
    X509_up_ref(each.get());
    sk_X509_push(all.get(), each.get());
  }
  return all;
}

// The same for the same certificates, in whatever order they stand in the file.
std::string digest_of(const std::vector<CertificatePtr>& certificates) {
  std::set<std::string> digests;
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned size = 0;
  for (const auto& each : certificates) {
    TANDEM_ASSERT(X509_digest(each.get(), EVP_sha256(), hash.data(), &size) == 1);
    digests.emplace(hash.begin(), hash.begin() + size);
  }
  std::string all;
  for (const auto& each : digests) all += each;
  TANDEM_ASSERT(EVP_Digest(all.data(), all.size(), hash.data(), &size, EVP_sha256(), nullptr) == 1);
  return {hash.begin(), hash.begin() + size};
}

bool is_digest(std::string_view text) {
  return text.size() == digest_digits &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_hex_digit(c); });
}

// Where a connection keeps the credentials that it began with.
int place_of_credentials() {
  static const int place = SSL_get_ex_new_index(
      0, nullptr, nullptr, nullptr, [](void*, void* kept, CRYPTO_EX_DATA*, int, long, void*) {
        delete static_cast<CredentialsPtr*>(kept);
      });
  return place;
}

// Where one keeps what it resumes, if it does.
int place_of_session() {
  static const int place = SSL_get_ex_new_index(
      0, nullptr, nullptr, nullptr, [](void*, void* kept, CRYPTO_EX_DATA*, int, long, void*) {
        delete static_cast<std::shared_ptr<KeptSession>*>(kept);
      });
  return place;
}

// A ticket is good for as long as it says, however often it is used. By default OpenSSL answers
// each with another one (RFC 8446 §C.4, which is about clients that nobody should recognise): both
// ends would make, read and copy one for each connection.
SSL_TICKET_RETURN take_ticket(SSL*, SSL_SESSION*, const unsigned char*, std::size_t,
                              SSL_TICKET_STATUS status, void*) {
  const bool is_ours = status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW;
  return is_ours ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_IGNORE_RENEW;
}

}  // namespace

Result<> ClusterFiles::validate() const {
  if (!is_given() && revoked.empty()) return {};
  for (const auto& [flag, file] : {std::pair(authority_flag, &authority),
                                   {certificate_flag, &certificate},
                                   {key_flag, &key}}) {
    if (!file->empty()) continue;
    return invalid(fmt::format("{}, {} and {} belong together, and {} is missing", authority_flag,
                               certificate_flag, key_flag, flag),
                   flag);
  }
  return {};
}

Result<CredentialsPtr> ClusterCredentials::load(const ClusterFiles& files, WallTime now,
                                                OutOfTime out_of_time) {
  std::shared_ptr<ClusterCredentials> loaded(new ClusterCredentials);
  if (auto valid = files.validate(); !valid) return valid.error();
  if (auto read = loaded->read(files, now, out_of_time); !read) return read.error();
  return CredentialsPtr(std::move(loaded));
}

Result<> ClusterCredentials::read(const ClusterFiles& files, WallTime now, OutOfTime out_of_time) {
  ERR_clear_error();
  context_.reset(SSL_CTX_new(TLS_method()));
  auto* const context = context_.get();
  TANDEM_ASSERT(context != nullptr);
  TANDEM_ASSERT(SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1);
  SSL_CTX_set_security_level(context, security_level);
  SSL_CTX_set_max_cert_list(context, limits::chain_bytes_max);
  // Sessions are kept by those who ask for it alone (begin_again()).
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, &ClusterCredentials::keep);
  constexpr std::string_view purpose = "tandem";
  SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>(purpose.data()),
                                 static_cast<unsigned>(purpose.size()));
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_session_ticket_cb(context, nullptr, &take_ticket, nullptr);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_app_data(context, this);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                     &ClusterCredentials::check);
  SSL_CTX_set_verify_depth(context, limits::chain_depth_max);

  if (auto read = read_authorities(files.authority); !read) return read;
  auto chain = read_certificates(certificate_flag, files.certificate);
  if (!chain) return chain.error();
  auto* const own = chain->front().get();
  auto identity = identity_of(own);
  if (!identity) return refuse(certificate_flag, files.certificate, identity.error().message);
  identity_ = std::move(*identity);
  begins_ = tls::begins(own);
  expires_ = tls::expires(own);
  const auto between = stack_of(*chain);
  const auto not_accepted = [](std::string_view why) {
    return fmt::format("is not accepted by the authority of {}: {}", authority_flag, why);
  };
  const auto ever = verify(own, between.get(), Side::calls, Dates::ignored);
  if (!ever.empty()) return refuse(certificate_flag, files.certificate, not_accepted(ever));
  if (why_out_of_time(now).empty()) {
    const auto today = verify(own, between.get(), Side::calls, Dates::count);
    if (!today.empty()) authority_out_of_time_ = not_accepted(today);
  }
  if (const auto over = why_out_of_time(now); !over.empty() && out_of_time == OutOfTime::refused) {
    return refuse(certificate_flag, files.certificate, over);
  }
  const auto pem = read_private_file(files.key, limits::pem_bytes_max);
  if (!pem) return refuse(key_flag, files.key, pem.error().message);
  const auto key = key_in(*pem);
  if (!key) return refuse(key_flag, files.key, key.error().message);
  if (X509_check_private_key(own, key->get()) != 1) {
    ERR_clear_error();
    return refuse(key_flag, files.key, "is not the key of the certificate in " + files.certificate);
  }
  const bool is_used = SSL_CTX_use_certificate(context, own) == 1 &&
                       SSL_CTX_use_PrivateKey(context, key->get()) == 1;
  if (!is_used) return refuse(certificate_flag, files.certificate, openssl_reason());
  for (std::size_t i = 1; i < chain->size(); ++i) {
    TANDEM_ASSERT(SSL_CTX_add1_chain_cert(context, (*chain)[i].get()) == 1);
  }
  if (!files.revoked.empty()) {
    if (auto read = read_revoked(files.revoked); !read) return read;
  }
  if (is_revoked(key_digest(own))) {
    return refuse(certificate_flag, files.certificate, "is revoked by " + files.revoked);
  }
  return {};
}

Result<> ClusterCredentials::read_authorities(const std::string& file) {
  const auto authorities = read_certificates(authority_flag, file);
  if (!authorities) return authorities.error();
  auto* const store = SSL_CTX_get_cert_store(context_.get());
  // An operator's own authority may be one that another has signed.
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
  for (const auto& each : *authorities) X509_STORE_add_cert(store, each.get());
  authorities_ = digest_of(*authorities);
  return {};
}

std::string ClusterCredentials::why_out_of_time(WallTime now) const {
  if (now < begins_) return "is valid from " + to_string(begins_) + " on";
  if (expires_ <= now) return "has ended on " + to_string(expires_);
  return authority_out_of_time_;
}

std::string ClusterCredentials::why_refused(X509* certificate, STACK_OF(X509) * between,
                                            Side shown_by) const {
  return verify(certificate, between, shown_by, Dates::count);
}

// With what OpenSSL sets for a handshake.
std::string ClusterCredentials::verify(X509* certificate, STACK_OF(X509) * between, Side shown_by,
                                       Dates dates) const {
  ERR_clear_error();
  const std::unique_ptr<X509_STORE_CTX, Freed<&X509_STORE_CTX_free>> check(X509_STORE_CTX_new());
  auto* const store = SSL_CTX_get_cert_store(context_.get());
  TANDEM_ASSERT(X509_STORE_CTX_init(check.get(), store, certificate, between) == 1);
  X509_STORE_CTX_set_default(check.get(), shown_by == Side::calls ? "ssl_client" : "ssl_server");
  auto* const parameters = X509_STORE_CTX_get0_param(check.get());
  X509_VERIFY_PARAM_set_auth_level(parameters, security_level);
  X509_VERIFY_PARAM_set_depth(parameters, limits::chain_depth_max);
  if (dates == Dates::ignored) X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_NO_CHECK_TIME);
  if (X509_verify_cert(check.get()) == 1) return {};
  const int error = X509_STORE_CTX_get_error(check.get());
  ERR_clear_error();
  return X509_verify_cert_error_string(error);
}

bool ClusterCredentials::shows_the_same(const ClusterCredentials& others) const {
  if (this == &others) return true;
  const auto* const own = SSL_CTX_get0_certificate(context_.get());
  return X509_cmp(own, SSL_CTX_get0_certificate(others.context_.get())) == 0;
}

// One digest on a line; what follows a '#' is for people.
Result<> ClusterCredentials::read_revoked(const std::string& file) {
  const auto text = read_small_file(file, limits::pem_bytes_max);
  if (!text) return refuse(revoked_flag, file, text.error().message);
  std::istringstream lines(*text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string digest;
    std::string more;
    if (!(words >> digest)) continue;
    digest = lowered(std::move(digest));
    if (!is_digest(digest) || words >> more) {
      return refuse(
          revoked_flag, file,
          fmt::format("line {}: must be the SHA-256 of a public key, as `tandem ca show` prints it",
                      number));
    }
    revoked_.insert(std::move(digest));
  }
  return {};
}

// Called in the handshake, so that the peer is told by an alert.
int ClusterCredentials::check(int preverified, X509_STORE_CTX* chain) {
  if (preverified != 1 || X509_STORE_CTX_get_error_depth(chain) != 0) return preverified;
  const auto* const ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
  const auto* const self =
      static_cast<const ClusterCredentials*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  const auto* const certificate = X509_STORE_CTX_get_current_cert(chain);
  if (self->is_revoked(key_digest(certificate))) {
    X509_STORE_CTX_set_error(chain, X509_V_ERR_CERT_REVOKED);
    return 0;
  }
  const auto identity = identity_of(certificate);
  if (identity && identity->cluster == self->identity_.cluster) return 1;
  X509_STORE_CTX_set_error(chain, X509_V_ERR_APPLICATION_VERIFICATION);
  return 0;
}

SslPtr ClusterCredentials::begin(Side side) const {
  SslPtr ssl(SSL_new(context_.get()));
  TANDEM_ASSERT(ssl != nullptr);
  auto kept = std::make_unique<CredentialsPtr>(shared_from_this());
  TANDEM_ASSERT(SSL_set_ex_data(ssl.get(), place_of_credentials(), kept.release()) == 1);
  side == Side::calls ? SSL_set_connect_state(ssl.get()) : SSL_set_accept_state(ssl.get());
  return ssl;
}

SslPtr ClusterCredentials::begin_again(const std::shared_ptr<KeptSession>& kept,
                                       WallTime now) const {
  auto ssl = begin(Side::calls);
  SSL_clear_options(ssl.get(), SSL_OP_NO_TICKET);
  auto place = std::make_unique<std::shared_ptr<KeptSession>>(kept);
  TANDEM_ASSERT(SSL_set_ex_data(ssl.get(), place_of_session(), place.release()) == 1);
  kept->resume(ssl.get(), shared_from_this(), now);
  return ssl;
}

// A ticket has come.
int ClusterCredentials::keep(SSL* ssl, SSL_SESSION* session) {
  const auto* const kept =
      static_cast<std::shared_ptr<KeptSession>*>(SSL_get_ex_data(ssl, place_of_session()));
  const auto* const credentials =
      static_cast<CredentialsPtr*>(SSL_get_ex_data(ssl, place_of_credentials()));
  if (kept != nullptr && credentials != nullptr) (*kept)->keep(session, *credentials);
  return 0;
}

SslPtr ClusterCredentials::begin(int descriptor, Side side, Resumption resumption) const {
  auto ssl = begin(side);
  if (side == Side::serves && resumption == Resumption::by_tickets) {
    SSL_clear_options(ssl.get(), SSL_OP_NO_TICKET);
    SSL_set_num_tickets(ssl.get(), 1);
  }
  BIO* const bio = quiet_socket(descriptor);
  SSL_set_bio(ssl.get(), bio, bio);
  return ssl;
}

Result<Peer> ClusterCredentials::peer_of(SSL* ssl) const {
  const auto* const certificate = SSL_get0_peer_certificate(ssl);
  TANDEM_ASSERT(certificate != nullptr);
  auto identity = identity_of(certificate);
  if (!identity) return identity.error();
  return Peer{std::move(*identity), tls::expires(certificate), key_digest(certificate),
              std::make_shared<ShownChain>(ssl, *this)};
}

CredentialsPtr CurrentCredentials::get() const {
  const Lock lock(mutex_);
  return current_;
}

void CurrentCredentials::set(CredentialsPtr next) {
  const Lock lock(mutex_);
  current_ = std::move(next);
}

std::string why_not(const Peer& peer, const ClusterCredentials& credentials, WallTime now) {
  if (peer.expires <= now) return "its certificate has ended on " + to_string(peer.expires);
  if (credentials.is_revoked(peer.key_digest)) return "its certificate is revoked";
  if (peer.shown == nullptr) return {};
  const auto& refusal = peer.shown->why_refused(credentials);
  return refusal.empty() ? "" : "its certificate is no longer accepted: " + refusal;
}

}  // namespace tandem::tls
