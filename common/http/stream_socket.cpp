#include "common/http/stream_socket.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include <boost/asio.hpp>

namespace tandem {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr int flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
// The kernel's descriptor table grows to the highest number: this keeps it at half a megabyte.
constexpr rlim_t descriptors_considered = 65'536;

error_code system_error() { return {errno, boost::system::system_category()}; }

// The order in which descriptors are closed when the process dies: see stream_socket.hpp.
enum class Closed { first, second };

// Moves the socket to a high descriptor number; it keeps its number when none is free.
int move_up(int descriptor, Closed when) {
  rlimit limit{};
  if (descriptor < 0 || ::getrlimit(RLIMIT_NOFILE, &limit) != 0) return descriptor;
  const auto numbers = static_cast<int>(std::min<rlim_t>(limit.rlim_cur, descriptors_considered));
  const int least = when == Closed::first ? numbers - numbers / 16 : numbers - numbers / 4;
  const int high = ::fcntl(descriptor, F_DUPFD_CLOEXEC, least);
  if (high < 0) return descriptor;
  ::close(descriptor);
  return high;
}

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

int new_socket(tcp protocol) {
  return ::socket(protocol.family(), SOCK_STREAM | flags, IPPROTO_TCP);
}

}  // namespace

void open_stream(tcp::socket& socket, tcp protocol, error_code& error) {
  assign(socket, protocol, new_socket(protocol), error);
}

void open_stream(tcp::acceptor& acceptor, tcp protocol, error_code& error) {
  assign(acceptor, protocol, move_up(new_socket(protocol), Closed::first), error);
}

asio::awaitable<error_code> connect_stream(tcp::socket& socket, Endpoint numeric) {
  const tcp::endpoint address(asio::ip::make_address(numeric.host), numeric.port);
  error_code error;
  open_stream(socket, address.protocol(), error);
  if (error) co_return error;
  co_await socket.async_connect(address, asio::redirect_error(asio::use_awaitable, error));
  if (!error && !socket.is_open()) error = asio::error::operation_aborted;
  error_code ignored;
  if (!error) socket.set_option(tcp::no_delay(true), ignored);
  co_return error;
}

std::string numeric_text(const asio::ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  }
  return address.to_string();
}

void accept_stream(tcp::acceptor& acceptor, tcp::socket& socket, error_code& error) {
  const auto protocol = acceptor.local_endpoint(error).protocol();
  if (error) return;
  const int accepted = ::accept4(acceptor.native_handle(), nullptr, nullptr, flags);
  assign(socket, protocol, move_up(accepted, Closed::second), error);
}

}  // namespace tandem
