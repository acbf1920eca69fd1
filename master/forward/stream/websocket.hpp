// websocket.hpp: the opening handshake of a WebSocket. Over HTTP/1 it is a request with a key and
// an answer that proves that the key was read (RFC 6455 §4), over HTTP/2 it is extended CONNECT and
// has neither (RFC 8441 §5): towards an end that speaks HTTP/2 we are the other end's other side.
// Pure, but for the random key.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "common/http1/http_head.hpp"
#include "master/forward/stream/head_text.hpp"

namespace tandem::master {

// Sec-WebSocket-Key: 16 random bytes in base64.
using WebSocketKey = std::array<char, 24>;
WebSocketKey make_websocket_key();
// Of a request of HTTP/1.1 that opens a WebSocket; nothing: it does not.
std::optional<WebSocketKey> websocket_key_of(const WrittenHead& request);
// A field that is a part of the handshake over HTTP/1 alone.
bool is_of_websocket_handshake(const Field& field);
// The Sec-WebSocket-Accept that proves that a worker has read the key as a WebSocket's.
std::string websocket_accept(const WebSocketKey& key);

}  // namespace tandem::master
