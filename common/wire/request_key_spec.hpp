// request_key_spec.hpp: the part of a request that serves as its key, as an operator writes it:
// "address", "header=X-User". For consistent_hash, and for rate limits. Pure.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace tandem::wire {

enum class KeySource { address, header, cookie, path };

struct RequestKeySpec {
  KeySource source = KeySource::address;
  std::string name{};  // of the header or the cookie

  friend bool operator==(const RequestKeySpec&, const RequestKeySpec&) = default;
};

// address, path, header=NAME or cookie=NAME. Errors: `invalid`, naming `field` and the possible
// values.
Result<RequestKeySpec> parse_request_key(std::string_view text, std::string_view field);
// As parse_request_key() reads it.
std::string to_string(const RequestKeySpec& key);

// Whether a header or a cookie can have this name (RFC 9110 §5.6.2): 1 to 64 characters.
bool is_key_name(std::string_view text);

}  // namespace tandem::wire
