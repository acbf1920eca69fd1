// tls_conversation.hpp: a conversation over TLS: what `inside` says and hears is encrypted. The
// question of a health check, to a worker that is spoken to over TLS.
//
// Pure: OpenSSL works on memory here. Owner: one call.
#pragma once

#include <memory>
#include <string>

#include "common/http/conversation.hpp"
#include "common/tls/worker_tls.hpp"

namespace tandem {

class TlsConversation final : public Conversation {
 public:
  TlsConversation(tls::WorkerTlsPtr tls, tls::WorkerTls::Speaks protocol,
                  std::shared_ptr<Conversation> inside)
      : tls_(std::move(tls)), protocol_(protocol), inside_(std::move(inside)) {}

  void begin(const Endpoint& peer) override;
  void pull(std::string& out) override;
  void feed(std::string_view bytes) override;
  void tick() override { inside_->tick(); }
  bool is_over() const override { return !why_.empty() || inside_->is_over(); }

  // Why it has failed as TLS, a few words; empty: it has not.
  const std::string& why() const { return why_; }
  // The handshake is done.
  bool is_secure() const { return secure_; }

 private:
  void shake_hands();
  void read();

  const tls::WorkerTlsPtr tls_;
  const tls::WorkerTls::Speaks protocol_;
  const std::shared_ptr<Conversation> inside_;
  Endpoint peer_;
  tls::SslPtr ssl_;
  BIO* in_ = nullptr;   // of ssl_
  BIO* out_ = nullptr;  // of ssl_
  std::string why_;
  bool secure_ = false;
};

}  // namespace tandem
