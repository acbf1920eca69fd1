// proxy_protocol.hpp: what a server is told first on a connection, of whose connection it is: the
// PROXY protocol of HAProxy, version 2, as bytes to send.
//
// Where the client had come to is not told, and neither is its port: they are zero, so that one
// connection can serve all that an address asks for. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tandem::wire {

// Whether workers are told so; of a service.
enum class ProxyProtocol { off, v2 };

const char* to_string(ProxyProtocol protocol);
std::optional<ProxyProtocol> parse_proxy_protocol(std::string_view text);

// The client at that address, IPv4 or IPv6 as text; anything else: it is not known who.
std::string proxy_header_of(std::string_view address);
// The connection is the sender's own: a health check (LOCAL).
std::string_view proxy_header_of_ours();

}  // namespace tandem::wire
