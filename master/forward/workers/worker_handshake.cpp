#include "master/forward/workers/worker_handshake.hpp"

#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "common/tls/handshake_alert.hpp"
#include "master/forward/workers/limits.hpp"

namespace tandem::master {

namespace {

// Of each thread; the state of the worker tells it too, when it is checked.
void log_failure(const std::string& worker, const std::string& why) {
  static thread_local Instant complains_from = Instant::never();
  const auto at = now();
  if (at < complains_from) return;
  complains_from = at + limits::handshake_complaint;
  log::warn("tls with a worker failed worker={} reason=\"{}\"", worker, why);
}

}  // namespace

Task<IoResult> secure_connection(ByteStream& connection, tandem::tls::WorkerTlsPtr tls,
                                 std::string worker, tandem::tls::WorkerTls::Speaks protocol,
                                 BufferPool& buffers) {
  auto ssl = tls->begin(worker, protocol);
  if (ssl == nullptr) {
    log_failure(worker, tls->problem());
    co_return IoResult{failed_handshake, 0};
  }
  SSL* const secured = ssl.get();
  connection.secure(
      std::make_unique<TlsSession>(ssl.release(), *connection.socket().descriptor(), buffers));
  std::string failure;
  for (;;) {
    const auto step = connection.tls()->shake_hands();
    if (step == TlsSession::Step::done) break;
    if (step == TlsSession::Step::failed) {
      failure = connection.tls()->failure();
      if (failure.empty()) failure = "it has closed the connection";
      break;
    }
    IoResult ready;
    if (step == TlsSession::Step::wants_write) {
      auto waiting = wait_writable(connection.socket());
      ready = co_await waiting;
    } else {
      auto waiting = peek_byte(connection.socket());
      ready = co_await waiting;
    }
    if (!ready.ok()) {
      // Who was cancelled has run out of time, or was given up.
      if (ready.error != asio::error::operation_aborted) log_failure(worker, ready.error.message());
      co_return IoResult{failed_handshake, 0};
    }
  }
  const auto why = tls->judge(secured, protocol, failure);
  if (why.empty()) co_return IoResult{};
  log_failure(worker, why);
  co_return IoResult{failed_handshake, 0};
}

unsigned refusing_alert(ByteStream& connection) {
  const auto* const session = connection.tls();
  const auto alert = session == nullptr ? 0 : session->first_alert();
  return tandem::tls::handshake_alert(alert).empty() ? 0 : alert;
}

}  // namespace tandem::master
