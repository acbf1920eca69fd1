// websocket.hpp: the opening handshake of a WebSocket, which a client of HTTP/2 leaves to us: it
// asks by extended CONNECT (RFC 8441 §5), and a worker of HTTP/1 wants to be asked with a key (RFC
// 6455 §4.1). Pure, but for the random key.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace tandem::master {

// Sec-WebSocket-Key: 16 random bytes in base64.
using WebSocketKey = std::array<char, 24>;
WebSocketKey make_websocket_key();
// The Sec-WebSocket-Accept that proves that a worker has read the key as a WebSocket's.
std::string websocket_accept(const WebSocketKey& key);

}  // namespace tandem::master
