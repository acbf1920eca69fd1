#include "master/forward/listener.hpp"

#include <sys/socket.h>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "master/forward/client_session.hpp"

namespace tandem::master {

namespace {

Error cannot(const Endpoint& endpoint, const char* what, const ErrorCodeOs& error) {
  return fail(ErrorCode::io, fmt::format("--listen {}: cannot {}: {}", endpoint.to_string(), what,
                                         error.message()));
}

TcpEndpoint address_of(const Endpoint& endpoint) {
  return {asio::ip::make_address(endpoint.host), endpoint.port};
}

}  // namespace

Listener::Listener(Loop& loop) : loop_(loop), acceptor_(loop.io()) {}

Result<> Listener::check_free(const Endpoint& endpoint) {
  if (endpoint.port == 0) return {};
  asio::io_context io;
  Acceptor probe(io);
  const auto address = address_of(endpoint);
  ErrorCodeOs error;
  probe.open(address.protocol(), error);
  if (!error) probe.set_option(Acceptor::reuse_address(true), error);
  if (!error) probe.bind(address, error);
  if (error) return cannot(endpoint, "listen", error);
  return {};
}

Result<Endpoint> Listener::open(const Endpoint& endpoint) {
  const auto address = address_of(endpoint);
  ErrorCodeOs error;
  acceptor_.open(address.protocol(), error);
  if (error) return cannot(endpoint, "open a socket", error);
  const int on = 1;
  setsockopt(acceptor_.native_handle(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(acceptor_.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  acceptor_.bind(address, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (error) return cannot(endpoint, "listen", error);
  acceptor_.non_blocking(true, error);
  return Endpoint{endpoint.host, acceptor_.local_endpoint(error).port()};
}

void Listener::take(Socket socket) {
  if (loop_.counters().client_connections.load(std::memory_order_relaxed) >=
      loop_.options().client_connections_max) {
    return;  // over the limit: closed at once
  }
  ErrorCodeOs error;
  socket.set_option(asio::ip::tcp::no_delay(true), error);
  const auto peer = socket.remote_endpoint(error);
  if (!error) ClientSession::start(loop_, std::move(socket), peer);
}

Detached Listener::run() {
  running_ = true;
  while (acceptor_.is_open()) {
    Socket socket(loop_.io());
    detail::SocketOperation accepting(
        [&](auto handler) { acceptor_.async_accept(socket, handler); });
    const IoResult accepted = co_await accepting;
    if (accepted.ok()) {
      take(std::move(socket));
    } else if (acceptor_.is_open() && accepted.error != asio::error::connection_aborted) {
      // Out of descriptors, most likely: wait until some are free instead of spinning.
      spdlog::warn("accept failed reason=\"{}\"", accepted.error.message());
      asio::basic_waitable_timer<std::chrono::steady_clock> pause(loop_.io(),
                                                                  std::chrono::milliseconds(100));
      detail::SocketOperation pausing([&](auto handler) { pause.async_wait(handler); });
      co_await pausing;
    }
  }
  running_ = false;
}

void Listener::close() {
  ErrorCodeOs error;
  while (acceptor_.is_open()) {
    Socket socket(loop_.io());
    acceptor_.accept(socket, error);
    if (error) break;
    take(std::move(socket));
  }
  acceptor_.close(error);
}

}  // namespace tandem::master
