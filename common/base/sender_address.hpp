// sender_address.hpp: where the sender of a message can be reached, which names its address itself.
// Pure.
#pragma once

#include <string>
#include <string_view>

#include "common/base/endpoint.hpp"

namespace tandem {

// The address that it names; at 0.0.0.0 or [::], which mean all of its own, the host from which it
// was heard.
inline Endpoint reachable_from_here(Endpoint named, std::string_view sender_host) {
  if (named.is_unspecified()) named.host = std::string(sender_host);
  return named;
}

}  // namespace tandem
