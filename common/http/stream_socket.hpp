// stream_socket.hpp: TCP sockets for Boost.Asio that child processes do not inherit.
//
// Asio opens and accepts sockets without SOCK_CLOEXEC, and setting the flag afterwards leaves a
// moment in which another thread may start a child process.
//
// Listeners get the highest numbers, and the connections that they accept come next: when a process
// is killed Linux closes its descriptors from the highest number down. So when the other voters
// notice that their connections are lost, the listener already refuses new ones, which proves to
// them that the process has ended (see core::ConnectionRefused); and neither has to wait until
// thousands of clients' connections are closed.
#pragma once

#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "common/base/endpoint.hpp"

namespace tandem {

// Opens `socket` with `protocol`, and closes it first if it is open. Call it before
// async_connect().
void open_stream(boost::asio::ip::tcp::socket& socket, boost::asio::ip::tcp protocol,
                 boost::system::error_code& error);
void open_stream(boost::asio::ip::tcp::acceptor& acceptor, boost::asio::ip::tcp protocol,
                 boost::system::error_code& error);

// Opens `socket` and connects it to a numeric address, without Nagle's delay. `socket` outlives the
// call; closing the socket ends it. Errors: the system's; `operation_aborted` when the socket was
// closed.
boost::asio::awaitable<boost::system::error_code> connect_stream(
    boost::asio::ip::tcp::socket& socket, Endpoint numeric);

// The address as text. An IPv4 address that an IPv6 listener has mapped (RFC 4291 §2.5.5.2) is
// shown as IPv4.
std::string numeric_text(const boost::asio::ip::address& address);

// Accepts one waiting connection into `socket`, without blocking. Errors: the system's; would_block
// when none waits.
void accept_stream(boost::asio::ip::tcp::acceptor& acceptor, boost::asio::ip::tcp::socket& socket,
                   boost::system::error_code& error);

}  // namespace tandem
