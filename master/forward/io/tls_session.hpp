// tls_session.hpp: one TLS connection over a socket, by OpenSSL: what is read is decrypted, what is
// written leaves in records.
//
// OpenSSL reads from the socket itself, with the edges of the reactor in mind, and writes into a
// block of ours, so that a handshake's flight or several records leave in one system call. While
// nothing is under way the connection owns no block, and OpenSSL keeps none either
// (SSL_MODE_RELEASE_BUFFERS).
//
// A record that was encrypted has to be sent before anything else. A write counts only what was
// sent in whole records, and its caller writes the rest again, as with a socket. The session
// remembers which bytes it has encrypted already, and does not encrypt them twice.
//
// Owner: the loop of the socket. Always: nothing is called once the socket is closed.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <openssl/types.h>

#include "master/forward/io/buffer.hpp"
#include "master/forward/io/reactor.hpp"
#include "master/forward/io/record_sizes.hpp"

namespace tandem::master {

class TlsSession {
 public:
  // Takes over `ssl`, which knows which side it is. `pool` and the descriptor outlive it.
  TlsSession(SSL* ssl, Descriptor& descriptor, BufferPool& pool);
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;
  ~TlsSession() = default;

  // ---- the handshake
  enum class Step { done, wants_read, wants_write, failed };
  // Goes as far as it can now.
  Step shake_hands();
  // Why it has failed, a few words. REQUIRES: it has
  const std::string& failure() const { return failure_; }
  // What both sides speak (ALPN); empty: nothing was agreed on. REQUIRES: it is done
  std::string_view application_protocol() const;
  // "TLSv1.3", say. REQUIRES: it is done
  std::string_view version() const;

  // The fatal alert that the peer has sent after this side had done its part of the handshake, and
  // before it said anything else; 0: none. In TLS 1.3 a server looks at the client's certificate
  // only then: one whose alert refuses it has accepted nothing of what was written meanwhile. In
  // 1.2 it has looked before, and this is always 0.
  unsigned first_alert() const { return first_alert_; }

  // For questions about what was agreed on and shown. REQUIRES: it is done
  SSL* ssl() const { return ssl_.get(); }

  // ---- the stream
  // What is there. Nothing: would_block. eof: the peer has said that it is done; a connection that
  // ends without that is cut: connection_reset.
  IoResult read(std::span<char> room);
  // There may be something to read of which the socket tells nothing.
  bool has_more() const;
  // Content has arrived that nobody has read yet. One system call.
  bool has_unread() const;
  // Nothing is to be read, whatever has arrived besides. One system call, nearly always.
  bool is_quiet();
  // It has ended, or can be read no more.
  bool has_ended() const { return end_.failed(); }
  // As ByteStream has it. When it fails, what the peer had to say against it is known.
  IoResult write(std::span<const std::string_view> pieces);
  // All of it or nothing is encrypted. False: nothing can be sent any more.
  bool offer(std::string_view text);
  // Says that nothing more is sent.
  void end();

 private:
  struct Free {
    void operator()(SSL* ssl) const;
  };
  friend struct TlsBio;

  std::size_t encrypt(std::span<const std::string_view> pieces, std::size_t from);
  IoResult write_records(std::span<const std::string_view> pieces);
  IoResult flush();
  void look_for_alert();
  void note_alert(unsigned long error);
  void keep_little();
  void note_error(int returned);
  void fail(const ErrorCodeOs& error, std::string why);

  std::unique_ptr<SSL, Free> ssl_;
  Descriptor& descriptor_;
  BufferPool& pool_;
  Buffer out_;  // encrypted, not sent
  RecordSizes sizes_;
  std::size_t ahead_ = 0;             // bytes of what is being written that are in out_
  const char* ahead_from_ = nullptr;  // the first of them
  ErrorCodeOs end_;                   // what a read tells when all has been read; none yet
  ErrorCodeOs broken_;                // why nothing can be sent
  std::string failure_;
  bool secured_ = false;   // the handshake is done
  bool said_end_ = false;  // by us
  bool saw_end_ = false;   // of the socket's stream
  bool heard_ = false;     // content has come from the peer
  unsigned first_alert_ = 0;
};

}  // namespace tandem::master
