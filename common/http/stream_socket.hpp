// stream_socket.hpp: TCP sockets for Boost.Asio that programs which we start do not inherit.
//
// Asio opens and accepts sockets without SOCK_CLOEXEC, and setting the flag afterwards leaves a
// moment in which another thread may start a program.
//
// Listeners get the highest numbers, and the connections that they accept come next: when a process
// is killed Linux closes its descriptors from the highest number down. So by the time the other
// voters notice that their connection is lost, the listener refuses already, which tells them that
// the process is gone (see core::ConnectionRefused); and neither waits for thousands of clients'
// connections to be closed.
#pragma once

#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "common/base/endpoint.hpp"

namespace tandem {

// Opens `socket` as one of `protocol`; closes what it was before. Before async_connect().
void open_stream(boost::asio::ip::tcp::socket& socket, boost::asio::ip::tcp protocol,
                 boost::system::error_code& error);
void open_stream(boost::asio::ip::tcp::acceptor& acceptor, boost::asio::ip::tcp protocol,
                 boost::system::error_code& error);

// Opens `socket` and connects it to a numeric address, without Nagle's delay. `socket` outlives it,
// and ends it when it is closed. Errors: the system's, `operation_aborted` when it was closed.
boost::asio::awaitable<boost::system::error_code> connect_stream(
    boost::asio::ip::tcp::socket& socket, Endpoint numeric);

// As text; an IPv4 address is one also where an IPv6 listener has mapped it (RFC 4291 §2.5.5.2).
std::string numeric_text(const boost::asio::ip::address& address);

// One connection that waits at `acceptor`, into `socket`; at once. Errors: the system's;
// would_block when none waits.
void accept_stream(boost::asio::ip::tcp::acceptor& acceptor, boost::asio::ip::tcp::socket& socket,
                   boost::system::error_code& error);

}  // namespace tandem
