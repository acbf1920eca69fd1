// The part of HttpServer that listens and accepts, at one address or, while it is given another, at
// several.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <span>

#include <boost/asio.hpp>

#include "common/base/inherited_sockets.hpp"
#include "common/base/log.hpp"
#include "common/base/own_trouble.hpp"
#include "common/http/http_server.hpp"
#include "common/http/http_server_connection.hpp"
#include "common/http/stream_socket.hpp"

namespace tandem {

namespace asio = boost::asio;

using asio::ip::tcp;
using boost::system::error_code;

struct HttpServer::Listener {
  tcp::acceptor acceptor;
  Endpoint address;
  bool is_left = false;

  // A socket that another process has too stays in an epoll when it is closed here, so it is taken
  // out.
  void leave() {
    is_left = true;
    error_code error;
    const int socket = acceptor.is_open() ? acceptor.release(error) : -1;
    if (socket >= 0 && !error) ::close(socket);
  }
};

namespace {

constexpr Duration accept_pause = 100ms;  // when this machine is short of something
// Connections accepted in a row before the existing ones get their turn.
constexpr unsigned accepts_in_a_row_max = 16;

Error cannot_listen(const Endpoint& address, const error_code& error) {
  return fail(ErrorCode::io,
              fmt::format("cannot listen on {}: {}", address.to_string(), error.message()));
}

}  // namespace

Result<> HttpServer::check_free(const Endpoint& address) {
  if (address.port == 0 || has_inherited_sockets("--control", address)) return {};
  error_code error;
  const auto host = asio::ip::make_address(address.host, error);
  asio::io_context loop;
  tcp::acceptor acceptor(loop);
  if (!error) open_stream(acceptor, host.is_v4() ? tcp::v4() : tcp::v6(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind({host, address.port}, error);
  if (error) return cannot_listen(address, error);
  return {};
}

Result<Endpoint> HttpServer::listen(const Endpoint& address) {
  error_code error;
  const auto host = asio::ip::make_address(address.host, error);
  if (error) return cannot_listen(address, error);
  if (auto inherited = open_inherited_sockets("--control", address)) {
    for (const int socket : std::span(inherited->sockets).subspan(1)) ::close(socket);
    const int socket = inherited->sockets.front();
    auto listener =
        std::make_shared<Listener>(Listener{tcp::acceptor(loop_), inherited->bound, false});
    listener->acceptor.assign(host.is_v4() ? tcp::v4() : tcp::v6(), socket, error);
    if (!error) {
      listeners_.push_back(std::move(listener));
      return inherited->bound;
    }
    ::close(socket);
    return cannot_listen(address, error);
  }
  auto opened = open(address);
  if (!opened) return opened.error();
  listeners_.push_back(*opened);
  return listeners_.back()->address;
}

Result<std::shared_ptr<HttpServer::Listener>> HttpServer::open(const Endpoint& address) {
  for (const auto& known : listeners_) {
    if (known->address == address) return known;
  }
  error_code error;
  const auto host = asio::ip::make_address(address.host, error);
  auto listener = std::make_shared<Listener>(Listener{tcp::acceptor(loop_), address, false});
  auto& acceptor = listener->acceptor;
  if (!error) open_stream(acceptor, host.is_v4() ? tcp::v4() : tcp::v6(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind({host, address.port}, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return cannot_listen(address, error);
  listener->address.port = acceptor.local_endpoint().port();
  return listener;
}

Endpoint HttpServer::add(std::shared_ptr<Listener> opened) {
  const auto known = std::find(listeners_.begin(), listeners_.end(), opened);
  if (known != listeners_.end()) {
    std::rotate(known, known + 1, listeners_.end());
  } else {
    listeners_.push_back(opened);
    if (!retires_) asio::co_spawn(loop_, accept(opened), asio::detached);
  }
  return opened->address;
}

void HttpServer::leave_older() {
  while (listeners_.size() > 1) {
    const auto left = listeners_.front();
    listeners_.erase(listeners_.begin());
    error_code error;
    while (!retires_ && accept_one(*left, error)) continue;
    left->leave();
  }
}

std::vector<Endpoint> HttpServer::addresses() const {
  std::vector<Endpoint> all;
  for (const auto& listener : listeners_) all.push_back(listener->address);
  return all;
}

int HttpServer::duplicate_listener() {
  if (listeners_.empty() || !listeners_.back()->acceptor.is_open()) return -1;
  return ::fcntl(listeners_.back()->acceptor.native_handle(), F_DUPFD_CLOEXEC, 0);
}

void HttpServer::retire() {
  retires_ = true;
  for (const auto& listener : listeners_) listener->leave();
}

asio::awaitable<void> HttpServer::accept(std::shared_ptr<Listener> listener) {
  while (!listener->is_left) {
    error_code error;
    co_await listener->acceptor.async_wait(tcp::acceptor::wait_read,
                                           asio::redirect_error(asio::use_awaitable, error));
    if (listener->is_left) co_return;
    for (unsigned i = 0; i < accepts_in_a_row_max && accept_one(*listener, error); ++i) continue;
    if (!error || is_of_the_newcomer(error.value())) continue;
    // A newcomer gets the descriptor of an idle stranger.
    const bool lacks_descriptors = error == asio::error::no_descriptors;
    if (lacks_descriptors && slots_.evict()) continue;
    auto pausing = pause_accepting(error);
    co_await std::move(pausing);
  }
}

// Returns whether there was one.
bool HttpServer::accept_one(Listener& listener, error_code& error) {
  tcp::socket socket(loop_);
  accept_stream(listener.acceptor, socket, error);
  if (error) return false;
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  auto connection = std::make_shared<Connection>(std::move(socket));
  const bool has_room = slots_.enter(*connection);
  if (!has_room && !is_full_) {
    log::warn("control connections closed, too many open={}", connections_.size());
  }
  is_full_ = !has_room;
  if (!has_room) return true;
  connections_.insert(connection);
  asio::co_spawn(loop_, greet(std::move(connection)), asio::detached);
  return true;
}

asio::awaitable<void> HttpServer::pause_accepting(error_code why) {
  log::warn("control address accepts no connections for a moment reason=\"{}\"", why.message());
  error_code ignored;
  accept_timer_.expires_after(accept_pause);
  co_await accept_timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

}  // namespace tandem
