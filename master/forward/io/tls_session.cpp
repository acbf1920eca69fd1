#include "master/forward/io/tls_session.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "common/base/clock.hpp"
#include "common/base/limits.hpp"
#include "master/forward/io/socket_io.hpp"

namespace tandem::master {

namespace {

// What a record is longer than its content, whatever the cipher, and what OpenSSL may put before
// it.
constexpr std::size_t record_overhead_max = 512;
// A record is not cut shorter than this because a block ends.
constexpr std::size_t record_bytes_min = 4 * 1024;

std::size_t size_of(std::span<const std::string_view> pieces) {
  std::size_t size = 0;
  for (const auto& piece : pieces) size += piece.size();
  return size;
}

// `size` bytes of the pieces, beginning at `from`: where they lie, or, when they lie apart, copied.
std::string_view part_of(std::span<const std::string_view> pieces, std::size_t from,
                         std::size_t size, std::span<char> room) {
  std::size_t copied = 0;
  for (auto piece : pieces) {
    const auto skipped = std::min(from, piece.size());
    piece.remove_prefix(skipped);
    from -= skipped;
    if (copied == 0 && piece.size() >= size) return piece.substr(0, size);
    copied += piece.copy(room.data() + copied, size - copied);
    if (copied == size) break;
  }
  return {room.data(), copied};
}

// Where the byte lies that `from` others are before.
const char* position(std::span<const std::string_view> pieces, std::size_t from) {
  return part_of(pieces, from, 1, {}).data();
}

}  // namespace

// What OpenSSL reads from and writes to.
struct TlsBio {
  static TlsSession& session_of(BIO* bio) { return *static_cast<TlsSession*>(BIO_get_data(bio)); }

  static int read(BIO* bio, char* room, int size) {
    auto& self = session_of(bio);
    BIO_clear_retry_flags(bio);
    IoResult got{asio::error::would_block, 0};
    if (self.descriptor_.readable) {
      got = read_now(self.descriptor_, {room, static_cast<std::size_t>(size)});
    }
    if (got.ok()) return static_cast<int>(got.bytes);
    if (got.error == asio::error::would_block) {
      BIO_set_retry_read(bio);
    } else if (got.error == asio::error::eof) {
      self.saw_end_ = true;
      return 0;
    } else {
      self.fail(got.error, got.error.message());
    }
    return -1;
  }

  static int write(BIO* bio, const char* bytes, int size) {
    auto& self = session_of(bio);
    BIO_clear_retry_flags(bio);
    if (!self.out_.has_block()) self.out_ = self.pool_.borrow();
    if (self.out_.free_size() == 0) {
      self.flush();
      self.out_.compact();
    }
    const auto taken = std::min(self.out_.free_size(), static_cast<std::size_t>(size));
    self.out_.append({bytes, taken});
    if (taken > 0) return static_cast<int>(taken);
    BIO_set_retry_write(bio);
    return -1;
  }

  static long control(BIO* bio, int command, long, void*) {
    if (command == BIO_CTRL_FLUSH) return 1;
    if (command == BIO_CTRL_EOF) return session_of(bio).saw_end_ ? 1 : 0;
    return 0;
  }

  static BIO* make(TlsSession& session) {
    static BIO_METHOD* const method = [] {
      BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "tandem");
      TANDEM_ASSERT(made != nullptr);
      BIO_meth_set_read(made, &read);
      BIO_meth_set_write(made, &write);
      BIO_meth_set_ctrl(made, &control);
      return made;
    }();
    BIO* bio = BIO_new(method);
    TANDEM_ASSERT(bio != nullptr);
    BIO_set_data(bio, &session);
    BIO_set_init(bio, 1);
    return bio;
  }
};

void TlsSession::Free::operator()(SSL* ssl) const { SSL_free(ssl); }

TlsSession::TlsSession(SSL* ssl, Descriptor& descriptor, BufferPool& pool)
    : ssl_(ssl), descriptor_(descriptor), pool_(pool) {
  TANDEM_ASSERT(ssl != nullptr);
  BIO* const bio = TlsBio::make(*this);
  SSL_set_bio(ssl, bio, bio);
}

void TlsSession::fail(const ErrorCodeOs& error, std::string why) {
  if (!broken_) broken_ = error;
  if (!end_) end_ = error;
  if (failure_.empty()) failure_ = std::move(why);
}

// SSL_read() or another call of OpenSSL has failed, and returned this.
void TlsSession::note_error(int returned) {
  switch (SSL_get_error(ssl_.get(), returned)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return;
    case SSL_ERROR_ZERO_RETURN:
      if (!end_) end_ = asio::error::eof;
      return;
    default: break;
  }
  const auto error = ERR_peek_error();
  note_alert(error);
  flush();  // the alert that says what is wrong
  // A stream that is cut may have been cut by anybody.
  if (saw_end_) return fail(asio::error::connection_reset, "the peer closed the connection");
  const char* reason = ERR_reason_error_string(error);
  fail(asio::error::connection_reset, reason != nullptr ? reason : "unknown error");
}

void TlsSession::note_alert(unsigned long error) {
  if (!secured_ || heard_ || SSL_version(ssl_.get()) < TLS1_3_VERSION) return;
  const int reason = ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0;
  // Reasons of that range are alerts of the peer.
  if (reason > SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256) {
    first_alert_ = static_cast<unsigned>(reason - SSL_AD_REASON_OFFSET);
  }
}

// The peer takes no more; it may have said why before it closed its end.
void TlsSession::look_for_alert() {
  if (!secured_ || heard_) return;
  descriptor_.readable = true;
  ERR_clear_error();
  char byte;
  std::size_t got = 0;
  const int returned = SSL_peek_ex(ssl_.get(), &byte, 1, &got);
  heard_ = returned == 1;
  if (!heard_) note_error(returned);
}

TlsSession::Step TlsSession::shake_hands() {
  if (!secured_) {
    ERR_clear_error();
    const int returned = SSL_do_handshake(ssl_.get());
    secured_ = returned == 1;
    if (!secured_) note_error(returned);
  }
  flush();
  if (broken_ || end_) return Step::failed;
  if (!out_.empty()) return Step::wants_write;
  out_.release();
  return secured_ ? Step::done : Step::wants_read;
}

std::string_view TlsSession::version() const { return SSL_get_version(ssl_.get()); }

std::string_view TlsSession::application_protocol() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

// ---- reading

IoResult TlsSession::read(std::span<char> room) {
  std::size_t total = 0;
  while (total < room.size() && !end_) {
    ERR_clear_error();
    std::size_t got = 0;
    const int returned = SSL_read_ex(ssl_.get(), room.data() + total, room.size() - total, &got);
    if (returned != 1) {
      note_error(returned);
      break;
    }
    heard_ = true;
    total += got;
    if (SSL_has_pending(ssl_.get()) == 0 && !descriptor_.readable) break;
  }
  // What OpenSSL has to say by itself; the rest of it goes with what is written next.
  if (!out_.empty()) flush();
  if (ahead_ == 0 && out_.empty()) out_.release();
  if (total > 0) return {{}, total};
  return {end_ ? end_ : ErrorCodeOs(asio::error::would_block), 0};
}

bool TlsSession::has_more() const { return end_.failed() || SSL_has_pending(ssl_.get()) == 1; }

bool TlsSession::has_unread() const {
  if (SSL_pending(ssl_.get()) > 0) return true;
  char byte;
  return ::recv(descriptor_.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

bool TlsSession::is_quiet() {
  if (end_) return false;
  descriptor_.readable = true;
  ERR_clear_error();
  char byte;
  std::size_t got = 0;
  const int returned = SSL_peek_ex(ssl_.get(), &byte, 1, &got);
  heard_ = heard_ || returned == 1;
  if (returned == 1) return false;
  note_error(returned);
  return !end_;
}

// ---- writing

// As much of what was encrypted as the socket takes.
IoResult TlsSession::flush() {
  if (out_.empty() || broken_) return {broken_, 0};
  const std::array pieces{std::string_view(out_.view())};
  const IoResult wrote = write_now(descriptor_.fd, pieces);
  if (!wrote.ok()) {
    fail(wrote.error, wrote.error.message());
  } else {
    out_.consume(wrote.bytes);
  }
  return wrote;
}

// Encrypts as much as a block holds of the pieces, beginning at `from`; returns how much.
std::size_t TlsSession::encrypt(std::span<const std::string_view> pieces, std::size_t from) {
  std::array<char, RecordSizes::large> room;
  const auto begin = from;
  auto left = size_of(pieces) - from;
  if (!out_.has_block()) {
    out_ =
        left + record_overhead_max > limits::buffer_bytes ? pool_.borrow_large() : pool_.borrow();
  }
  while (left > 0 && out_.free_size() >= std::min(left, record_bytes_min) + record_overhead_max) {
    const auto size = std::min({left, sizes_.next(), out_.free_size() - record_overhead_max});
    const auto part = part_of(pieces, from, size, room);
    ERR_clear_error();
    std::size_t written = 0;
    const int returned = SSL_write_ex(ssl_.get(), part.data(), part.size(), &written);
    if (returned != 1) {
      note_error(returned);
      // Whatever it waits for, nobody will say: there is room, and no handshake begins anew.
      fail(asio::error::connection_reset, "cannot encrypt");
      break;
    }
    sizes_.sent(written);
    from += written;
    left -= written;
  }
  return from - begin;
}

// Whoever takes nothing more for a while keeps no large block for the little that is left.
void TlsSession::keep_little() {
  if (out_.capacity() <= limits::buffer_bytes || out_.size() > limits::buffer_bytes) return;
  auto little = pool_.borrow();
  little.append(out_.view());
  out_ = std::move(little);
}

IoResult TlsSession::write(std::span<const std::string_view> pieces) {
  const IoResult wrote = write_records(pieces);
  if (!wrote.ok()) [[unlikely]]
    look_for_alert();
  return wrote;
}

IoResult TlsSession::write_records(std::span<const std::string_view> pieces) {
  flush();
  if (broken_) return {broken_, 0};
  if (!out_.empty()) return {};
  if (ahead_ > 0 && position(pieces, 0) != ahead_from_) {
    // What was encrypted has been sent, and was given up: nothing else can stand in its place.
    fail(asio::error::connection_reset, "a write was given up");
    return {broken_, 0};
  }
  const auto size = size_of(pieces);
  sizes_.begin(now());
  IoResult total{{}, std::exchange(ahead_, 0)};
  while (total.bytes < size) {
    ahead_from_ = position(pieces, total.bytes);
    ahead_ = encrypt(pieces, total.bytes);
    flush();
    total.error = broken_;
    if (broken_ || !out_.empty()) {
      keep_little();
      return total;
    }
    total.bytes += std::exchange(ahead_, 0);
  }
  out_.release();
  return total;
}

bool TlsSession::offer(std::string_view text) {
  flush();
  if (broken_) return false;
  if (!out_.empty()) return true;  // there is no room
  const std::array pieces{text};
  encrypt(pieces, 0);
  flush();
  if (out_.empty()) out_.release();
  return !broken_;
}

void TlsSession::end() {
  if (!secured_ || broken_ || std::exchange(said_end_, true)) return;
  flush();
  if (!out_.empty()) return;  // it would come behind what is not sent any more
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  flush();
  out_.release();
}

}  // namespace tandem::master
