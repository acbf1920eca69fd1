#include "master/forward/workers/h1_call.hpp"

#include "common/base/clock.hpp"
#include "common/wire/proxy_protocol.hpp"
#include "master/forward/workers/upstream.hpp"
#include "master/forward/workers/worker_handshake.hpp"

namespace tandem::master {

H1Call::H1Call(std::shared_ptr<Upstream> upstream, const WorkerIo& io, std::string client)
    : WorkerCall(std::move(upstream)),
      client_(std::move(client)),
      buffers_(io.buffers),
      connection_(io.io),
      stream_(connection_) {}

H1Call::~H1Call() {
  connection_.close();
  upstream_->leave_place();
}

Task<IoResult> H1Call::connect() {
  auto connecting = tandem::master::connect(connection_.socket(), upstream_->endpoint());
  IoResult connected = co_await connecting;
  tls_ = upstream_->tls();
  if (connected.ok() && !client_.empty()) connected = announce_client();
  if (!connected.ok() || tls_ == nullptr) co_return connected;
  auto securing = secure_connection(connection_, tls_, upstream_->worker().address.host,
                                    tandem::tls::WorkerTls::Speaks::http1, buffers_);
  const IoResult secured = co_await securing;
  if (secured.ok()) {
    good_until_ = now() + tandem::tls::WorkerTls::time_left(connection_.tls()->ssl());
  }
  co_return secured;
}

unsigned H1Call::refusing_alert() { return tandem::master::refusing_alert(connection_); }

// Before TLS. The socket is new, and has room for these few bytes.
IoResult H1Call::announce_client() {
  const auto header = wire::proxy_header_of(client_);
  const std::string_view piece = header;
  const auto written = connection_.write_now({&piece, 1});
  if (!written.ok() || written.bytes == header.size()) return written;
  return {asio::error::no_buffer_space, 0};
}

bool H1Call::is_outdated(Instant now) const {
  return client_.empty() == upstream_->announces_clients() || tls_ != upstream_->tls() ||
         now >= good_until_;
}

void H1Call::fall_idle(Instant now) {
  reused_ = true;
  idle_since_ = now;
  idle_round_ = connection_.reactor().rounds();
  connection_.expect_quiet(&H1Call::stir, this);
}

bool H1Call::has_spoken() {
  return !is_quiet() && connection_.has_unread() && connection_.peer() == ByteStream::Peer::there;
}

void H1Call::stir(void* call) {
  auto& self = *static_cast<H1Call*>(call);
  const auto upstream = self.upstream_;  // outlives its last connection
  const bool has_spoken = self.has_spoken();
  upstream->drop_idle(self);
  if (has_spoken) upstream->distrust(tandem::now());
}

bool H1Call::finish_this(std::unique_ptr<WorkerCall> self, Instant now) {
  TANDEM_ASSERT(self.get() == this);
  std::unique_ptr<H1Call> call(static_cast<H1Call*>(self.release()));
  return upstream_->put_back(std::move(call), now);
}

}  // namespace tandem::master
