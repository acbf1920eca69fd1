// sender_address.hpp: where the sender of a message, which states its own address, can be reached.
// Pure.
#pragma once

#include <string>
#include <string_view>

#include "common/base/endpoint.hpp"

namespace tandem {

// The address that it states; for 0.0.0.0 or [::], which mean all of its addresses, the host from
// which the message came.
inline Endpoint reachable_from_here(Endpoint named, std::string_view sender_host) {
  if (named.is_unspecified()) named.host = std::string(sender_host);
  return named;
}

}  // namespace tandem
