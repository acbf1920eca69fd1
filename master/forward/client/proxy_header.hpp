// proxy_header.hpp: the PROXY protocol of HAProxy, versions 1 and 2: what somebody who passes a
// connection on says first, of whose connection it is.
//
// Strict, and bounded: the text of version 1 in its only spelling; of version 2 the addresses of
// TCP over IPv4 and IPv6. A connection of nobody's (UNKNOWN, LOCAL, unspecified), or over anything
// else that version 2 names (UDP, Unix sockets), has no source. Of what follows the addresses in
// version 2 (TLVs) PP2_TYPE_SSL is read, which says whether the client came by TLS; the rest is
// skipped. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/ip/tcp.hpp>

namespace tandem::master {

// The client's TLS, which has ended at the sender.
struct EndedTls {
  std::string version{};                     // as OpenSSL writes it; empty: it is not told
  std::optional<std::string> certificate{};  // the CN of what was shown and verified

  friend bool operator==(const EndedTls& a, const EndedTls& b) = default;
};

struct ProxyHeader {
  std::size_t bytes = 0;                                   // that it takes
  std::optional<boost::asio::ip::tcp::endpoint> source{};  // unset: the connection is its sender's
  std::uint16_t target_port = 0;                           // where it had come to; 0: unknown
  std::optional<EndedTls> tls{};                           // unset: there was none, or it goes on
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
