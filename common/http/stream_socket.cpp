#include "common/http/stream_socket.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio.hpp>

namespace tandem {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr int flags = SOCK_CLOEXEC | SOCK_NONBLOCK;

error_code system_error() { return {errno, boost::system::system_category()}; }

template <class Socket>
void assign(Socket& socket, tcp protocol, int descriptor, error_code& error) {
  if (descriptor < 0) {
    error = system_error();
    return;
  }
  if (socket.is_open()) socket.close(error);
  socket.assign(protocol, descriptor, error);
  if (error) ::close(descriptor);
}

template <class Socket>
void open(Socket& socket, tcp protocol, error_code& error) {
  assign(socket, protocol, ::socket(protocol.family(), SOCK_STREAM | flags, IPPROTO_TCP), error);
}

}  // namespace

void open_stream(tcp::socket& socket, tcp protocol, error_code& error) {
  open(socket, protocol, error);
}

void open_stream(tcp::acceptor& acceptor, tcp protocol, error_code& error) {
  open(acceptor, protocol, error);
}

void accept_stream(tcp::acceptor& acceptor, tcp::socket& socket, error_code& error) {
  const auto protocol = acceptor.local_endpoint(error).protocol();
  if (error) return;
  assign(socket, protocol, ::accept4(acceptor.native_handle(), nullptr, nullptr, flags), error);
}

}  // namespace tandem
