#include "master/forward/stream/websocket.hpp"

#include <algorithm>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "common/base/assert.hpp"
#include "common/http1/field_text.hpp"

namespace tandem::master {

namespace {

constexpr std::size_t key_bytes = std::tuple_size_v<WebSocketKey>;
constexpr std::string_view key_name = "Sec-WebSocket-Key";
constexpr std::string_view accept_name = "Sec-WebSocket-Accept";
// RFC 6455 §1.3.
constexpr std::string_view magic = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

std::string base64(const unsigned char* bytes, std::size_t size) {
  std::array<unsigned char, 64> text{};
  TANDEM_ASSERT(size <= 45);
  const auto length = EVP_EncodeBlock(text.data(), bytes, static_cast<int>(size));
  return {reinterpret_cast<const char*>(text.data()), static_cast<std::size_t>(length)};
}

}  // namespace

WebSocketKey make_websocket_key() {
  std::array<unsigned char, 16> nonce{};
  TANDEM_ASSERT(RAND_bytes(nonce.data(), static_cast<int>(nonce.size())) == 1);
  WebSocketKey key;
  const auto text = base64(nonce.data(), nonce.size());
  TANDEM_ASSERT(text.size() == key.size());
  std::copy(text.begin(), text.end(), key.begin());
  return key;
}

std::optional<WebSocketKey> websocket_key_of(const WrittenHead& request) {
  if (request.method != "GET" || !lists(request.upgrade, "websocket")) return std::nullopt;
  std::optional<WebSocketKey> key;
  for (const auto& field : request.fields) {
    if (!equal_ignoring_case(field.name, key_name)) continue;
    if (key || field.value.size() != key_bytes) return std::nullopt;
    field.value.copy(key.emplace().data(), key_bytes);
  }
  return key;
}

bool is_of_websocket_handshake(const Field& field) {
  return equal_ignoring_case(field.name, key_name) || equal_ignoring_case(field.name, accept_name);
}

std::string websocket_accept(const WebSocketKey& key) {
  std::string text(key.data(), key.size());
  text += magic;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  TANDEM_ASSERT(EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr) ==
                1);
  return base64(digest.data(), size);
}

}  // namespace tandem::master
