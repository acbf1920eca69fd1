#include "common/http/tls_conversation.hpp"

#include <array>

#include <openssl/err.h>

#include "common/base/assert.hpp"

namespace tandem {

void TlsConversation::begin(const Endpoint& peer) {
  peer_ = peer;
  ssl_ = tls_->begin(peer.host, protocol_);
  if (ssl_ == nullptr) {
    why_ = tls_->problem();
    return;
  }
  in_ = BIO_new(BIO_s_mem());
  out_ = BIO_new(BIO_s_mem());
  TANDEM_ASSERT(in_ != nullptr && out_ != nullptr);
  BIO_set_mem_eof_return(in_, -1);
  SSL_set_bio(ssl_.get(), in_, out_);
  shake_hands();
}

void TlsConversation::shake_hands() {
  ERR_clear_error();
  const int done = SSL_do_handshake(ssl_.get());
  const auto kind = SSL_get_error(ssl_.get(), done);
  if (done != 1 && kind == SSL_ERROR_WANT_READ) return;
  const auto failure = done == 1 ? std::string() : tls::openssl_reason();
  why_ =
      tls_->judge(ssl_.get(), protocol_, done == 1 || !failure.empty() ? failure : "it has ended");
  secure_ = why_.empty();
  if (secure_) inside_->begin(peer_);
}

void TlsConversation::pull(std::string& out) {
  std::string words;
  if (secure_) inside_->pull(words);
  if (!words.empty()) {
    ERR_clear_error();
    std::size_t written = 0;
    for (std::string_view rest = words; !rest.empty(); rest.remove_prefix(written)) {
      if (SSL_write_ex(ssl_.get(), rest.data(), rest.size(), &written) != 1) {
        why_ = tls::openssl_reason();
        break;
      }
    }
  }
  std::array<char, 4096> bytes;
  for (int got = 0; out_ != nullptr; out.append(bytes.data(), static_cast<std::size_t>(got))) {
    got = BIO_read(out_, bytes.data(), static_cast<int>(bytes.size()));
    if (got <= 0) break;
  }
}

void TlsConversation::feed(std::string_view bytes) {
  if (!why_.empty()) return;
  BIO_write(in_, bytes.data(), static_cast<int>(bytes.size()));
  if (!secure_) shake_hands();
  if (secure_) read();
}

void TlsConversation::read() {
  std::array<char, 4096> bytes;
  std::size_t got = 0;
  ERR_clear_error();
  while (!inside_->is_over() && SSL_read_ex(ssl_.get(), bytes.data(), bytes.size(), &got) == 1) {
    inside_->feed({bytes.data(), got});
  }
  if (inside_->is_over()) return;
  const int kind = SSL_get_error(ssl_.get(), 0);
  if (kind == SSL_ERROR_WANT_READ) return;
  why_ = kind == SSL_ERROR_ZERO_RETURN ? "the connection ended before the answer"
                                       : tls::openssl_reason();
}

}  // namespace tandem
