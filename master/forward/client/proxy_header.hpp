// proxy_header.hpp: the PROXY protocol of HAProxy, versions 1 and 2: what somebody who passes a
// connection on says first, of whose connection it is.
//
// Strict, and bounded: the text of version 1 in its only spelling, of version 2 TCP over IPv4 and
// IPv6; a connection of nobody's (UNKNOWN, LOCAL, unspecified) has no source. What follows the
// addresses in version 2 (TLVs) is skipped. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include <boost/asio/ip/tcp.hpp>

namespace tandem::master {

struct ProxyHeader {
  std::size_t bytes = 0;                                   // that it takes
  std::optional<boost::asio::ip::tcp::endpoint> source{};  // unset: the connection is its sender's
};

enum class ProxyHeaderStatus {
  incomplete,  // more bytes are needed
  complete,
  absent,     // it does not begin like one
  malformed,  // it begins like one, and is none
};

// Reads the header at the start of `bytes`, which is everything that has arrived so far.
ProxyHeaderStatus parse_proxy_header(std::string_view bytes, ProxyHeader& header);

}  // namespace tandem::master
