#include "master/forward/client/websocket.hpp"

#include <algorithm>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "common/base/assert.hpp"

namespace tandem::master {

namespace {

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
